// Files out of the page: objects of stores, and rows as text. They go to the browser's downloads, never into the page.
import { objects } from './clients';

/** Gathers bytes outside of JavaScript's memory, where the browser can move them to the disk. */
export class Gathered {
  private whole = new Blob([]);
  private pieces: BlobPart[] = [];
  private pending = 0;
  size = 0;

  add(piece: Uint8Array | string): void {
    this.pieces.push(piece as Uint8Array<ArrayBuffer> | string);
    this.pending += piece.length;
    this.size += piece.length;
    if (this.pending > 2 ** 23) this.merge();
  }

  blob(): Blob {
    this.merge();
    return this.whole;
  }

  private merge(): void {
    this.whole = new Blob([this.whole, ...this.pieces]);
    this.pieces = [];
    this.pending = 0;
  }
}

/** Save bytes as a file of the reader's. */
export function save(content: Blob, name: string): void {
  // Without a type of its own, so that nothing opens it as a page.
  const url = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, 60_000);
}

/**
 * Download an object, or a file of a folder.
 *
 * @param path Of the file within a folder; otherwise empty.
 * @param progress Called with the number of bytes that have arrived.
 */
export async function download(objectId: string, path: string, signal: AbortSignal, progress?: (bytes: number) => void): Promise<Blob> {
  const gathered = new Gathered();
  for await (const piece of objects.downloadObject({ objectId, path }, { signal })) {
    gathered.add(piece.chunk?.content ?? new Uint8Array());
    progress?.(gathered.size);
  }
  return gathered.blob();
}
