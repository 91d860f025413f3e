/** A test of ours that the map names. */
export interface MappedTest {
  readonly file: string;
  /** Undefined where the map names a whole file. */
  readonly title: string | undefined;
}

/** A row of the map: a test of the reference, and those of ours that show the same. */
export interface MapRow {
  readonly theirs: string;
  readonly ours: readonly MappedTest[];
  /** Why there are none of ours. */
  readonly note: string | undefined;
}

/** Reads `docs/test-map.md`: a heading for each file of the reference, and a table of its tests. */
export function readTestMap(markdown: string): readonly MapRow[] {
  const rows: MapRow[] = [];
  let file = '';
  for (const line of markdown.split('\n')) {
    file = /^### `(.*)`$/.exec(line)?.[1] ?? file;
    const [, name = '', cell = ''] = /^\| `(\w+)` *\| (.*?) *\|$/.exec(line) ?? [];
    if (name === '') continue;
    const ours = cell.startsWith('`') ? cell.split('<br>').map(readTest) : [];
    rows.push({ theirs: `${file} ${name}`, ours, note: ours.length === 0 ? cell : undefined });
  }
  return rows;
}

function readTest(text: string): MappedTest {
  const [, file = '', title] = /^`(.*?)`(?: › (.*))?$/.exec(text.trim()) ?? [];
  return { file, title: title?.replaceAll(/\\(?=[^\w\s])/g, '') };
}
