/** What a configuration file holds. */
export type Config = { readonly [key: string]: unknown };

/** `additions` over `base`: maps are merged, everything else is replaced. */
export function mergeConfig(base: Config, additions: Config): Config {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(additions)) {
    const old = merged[key];
    merged[key] = isMap(old) && isMap(value) ? mergeConfig(old, value) : value;
  }
  return merged;
}

const isMap = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
