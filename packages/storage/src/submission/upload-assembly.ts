import { crc32, invalidArgument, LIMITS } from '@spider/core';

/** Puts the pieces of a submission together, in memory that was set aside for it. */
export class UploadAssembly {
  readonly taskGraph: Uint8Array;
  readonly inputs: Uint8Array;
  #received = 0;
  #crc32 = 0;

  constructor(taskGraphBytes: number, inputsBytes: number) {
    this.taskGraph = new Uint8Array(taskGraphBytes);
    this.inputs = new Uint8Array(inputsBytes);
  }

  /** Bytes that were announced. */
  get size(): number {
    return this.taskGraph.length + this.inputs.length;
  }

  /** @throws SpiderError 'invalid-argument' if the piece is too large, or more than was announced. */
  add(data: Uint8Array): void {
    if (data.length > LIMITS.chunkBytes) {
      throw invalidArgument(`data: ${data.length} bytes are more than ${LIMITS.chunkBytes}`);
    }
    if (data.length > this.size - this.#received) {
      throw invalidArgument(`data: is more than the ${this.size} bytes that the header announced`);
    }
    const ofGraph = Math.max(0, Math.min(this.taskGraph.length - this.#received, data.length));
    if (ofGraph > 0) this.taskGraph.set(data.subarray(0, ofGraph), this.#received);
    if (ofGraph < data.length) {
      const at = this.#received + ofGraph - this.taskGraph.length;
      this.inputs.set(data.subarray(ofGraph), at);
    }
    this.#received += data.length;
    this.#crc32 = crc32(data, this.#crc32);
  }

  /** @throws SpiderError 'invalid-argument' unless all that was announced has come, undamaged. */
  finish(expectedCrc32: number): void {
    if (this.#received < this.size) {
      throw invalidArgument(
        `end: comes after ${this.#received} of the ${this.size} bytes that the header announced`,
      );
    }
    if (this.#crc32 !== expectedCrc32) {
      throw invalidArgument(
        `end.crc32: is ${expectedCrc32}, but that of the data is ${this.#crc32}`,
      );
    }
  }
}
