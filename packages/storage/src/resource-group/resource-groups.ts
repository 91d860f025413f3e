import { LIMITS, SpiderError } from '@spider/core';
import type { ResourceGroupId } from '@spider/core';
import type { Clock, PasswordHasher, Rng } from '@spider/runtime';
import type { ResourceGroupStore, StoredResourceGroup } from '../db/job-store.ts';
import { retryTransient } from '../db/retry-transient.ts';
import { checkBytes, checkText } from '../rpc/check.ts';
import { Gate } from './gate.ts';

export interface ResourceGroupsOptions {
  readonly store: ResourceGroupStore;
  readonly passwords: PasswordHasher;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Passwords that may wait to be hashed. */
  readonly waitingMax: number;
}

/** How a group is named in a login. */
export type GroupName = { readonly id: ResourceGroupId } | { readonly externalId: string };

/** Passwords that are hashed at the same time; the threads have other work, too. */
const HASHES_AT_A_TIME = 2;

/** Whose jobs there are, and who may say to be one of them. */
export class ResourceGroups {
  readonly #options: ResourceGroupsOptions;
  readonly #gate: Gate;
  /** What passwords of groups that do not exist are held against. */
  #nobodys: Promise<string> | undefined;

  constructor(options: ResourceGroupsOptions) {
    this.#options = options;
    this.#gate = new Gate({
      what: 'passwords',
      running: HASHES_AT_A_TIME,
      waiting: options.waitingMax,
      key: 'runtime.limits.passwords',
    });
  }

  /**
   * Answers the id of the group with this name, which is a new one unless it was added before.
   *
   * @throws SpiderError 'already-exists' if it was, with another password.
   */
  async add(externalId: string, password: Uint8Array): Promise<ResourceGroupId> {
    checkText('external_resource_group_id', externalId, LIMITS.nameBytes);
    checkBytes('password', password.length, LIMITS.passwordBytes);
    let group = await this.#findByExternalId(externalId);
    if (group === undefined) {
      const id = await this.#insert(externalId, password);
      if (id !== undefined) return id;
      // Someone else has entered it in the meantime.
      group = await this.#findByExternalId(externalId);
    }
    if (group !== undefined && (await this.#matches(group, password))) return group.id;
    throw new SpiderError(
      'already-exists',
      `resource group ${JSON.stringify(externalId)} exists, with another password`,
    );
  }

  /**
   * Takes as long for groups that do not exist.
   *
   * @throws SpiderError 'unauthenticated' unless this is the group's password.
   */
  async verify(id: ResourceGroupId, password: Uint8Array): Promise<void> {
    await this.authenticate({ id }, password);
  }

  /**
   * As `verify`, for a group of either name. Answers its id.
   *
   * @param onTurn is called when the password's turn has come; if it throws, nothing is hashed.
   */
  async authenticate(
    name: GroupName,
    password: Uint8Array,
    onTurn?: () => void,
  ): Promise<ResourceGroupId> {
    checkBytes('password', password.length, LIMITS.passwordBytes);
    const group = await this.#find(name);
    const matches = await this.#matches(group, password, onTurn);
    if (matches && group !== undefined) return group.id;
    const what = 'id' in name ? 'id' : 'name';
    throw new SpiderError(
      'unauthenticated',
      `there is no resource group of this ${what} and password`,
    );
  }

  async #find(name: GroupName): Promise<StoredResourceGroup | undefined> {
    if ('externalId' in name) {
      checkText('resource_group_name', name.externalId, LIMITS.nameBytes);
      return await this.#findByExternalId(name.externalId);
    }
    return await retryTransient(this.#options, () => this.#options.store.find(name.id));
  }

  async #findByExternalId(externalId: string): Promise<StoredResourceGroup | undefined> {
    return await retryTransient(this.#options, () =>
      this.#options.store.findByExternalId(externalId),
    );
  }

  async #insert(externalId: string, password: Uint8Array): Promise<ResourceGroupId | undefined> {
    const { store, passwords } = this.#options;
    const hash = await this.#gate.run(() => passwords.hash(password));
    return await retryTransient(this.#options, () => store.insert(externalId, hash));
  }

  async #matches(
    group: StoredResourceGroup | undefined,
    password: Uint8Array,
    onTurn?: () => void,
  ): Promise<boolean> {
    const { passwords } = this.#options;
    const hash = group?.passwordHash;
    return await this.#gate.run(async () => {
      onTurn?.();
      const nobodys = await this.#nobodysHash();
      const matches = await passwords.verify(password, hash ?? nobodys);
      return matches && hash !== undefined;
    });
  }

  async #nobodysHash(): Promise<string> {
    this.#nobodys ??= this.#options.passwords.hash(new Uint8Array(0));
    try {
      return await this.#nobodys;
    } catch (error) {
      this.#nobodys = undefined;
      throw error;
    }
  }
}
