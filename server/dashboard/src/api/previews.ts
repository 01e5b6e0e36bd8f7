// What can be drawn of a value: arrays and nested values out of the stored bytes of blobs and files.
import { fromBinary } from '@bufbuild/protobuf';
import { type Tensor, type Value, ValueSchema } from './generated/levada_api/v1/value_pb';

/** The most bytes of a value that the page decodes. */
export const MOST_BYTES = 64 * 2 ** 20;

/** An array of numbers, its last index varying fastest. Complex numbers are their magnitudes. */
export interface NumberArray {
  dtype: string;
  shape: number[];
  values: Float64Array | Float32Array | Uint8Array;
}

/** Decode the stored bytes of a `<blob>`; a string says why that is not possible here. */
export async function decodeBlob(bytes: Uint8Array): Promise<Value | string> {
  const header = new TextDecoder('latin1').decode(bytes.subarray(0, 4));
  const body = bytes.subarray(4);
  if (header === 'lv1\0') return fromBinary(ValueSchema, body);
  if (header === 'lv1z') {
    const whole = await decompressed(body);
    return whole ? fromBinary(ValueSchema, whole) : `It stands for more than ${MOST_BYTES / 2 ** 20} MB; fetch it from Python or MATLAB.`;
  }
  return 'DataJoint wrote it; fetch it from Python or MATLAB.';
}

/** Decompress piece by piece, so that a value never takes more than the limit; undefined if it would. */
async function decompressed(body: Uint8Array): Promise<Uint8Array | undefined> {
  const { Decompress } = await import('fzstd');
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const stream = new Decompress((piece) => {
    size += piece.length;
    if (size <= MOST_BYTES) pieces.push(piece as Uint8Array<ArrayBuffer>);
  });
  const step = 2 ** 16;
  for (let start = 0; start < body.length && size <= MOST_BYTES; start += step) {
    stream.push(body.subarray(start, start + step), start + step >= body.length);
  }
  if (size > MOST_BYTES) return undefined;
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Return the numbers of a tensor; undefined if it holds texts or times. */
export function tensorNumbers(tensor: Tensor): NumberArray | undefined {
  const shape = tensor.shape.map(Number);
  const found = numbers(tensor.elements, tensor.dtype, shape);
  return found && tensor.columnMajor ? rowMajor(found) : found;
}

/** Read elements in their machine form. */
export function numbers(bytes: Uint8Array, dtype: string, shape: number[]): NumberArray | undefined {
  // Typed arrays need an aligned start.
  const { buffer } = bytes.slice();
  switch (dtype) {
    case 'bool':
    case 'uint8':
      return { dtype, shape, values: new Uint8Array(buffer) };
    case 'int8':
      return { dtype, shape, values: Float32Array.from(new Int8Array(buffer)) };
    case 'int16':
      return { dtype, shape, values: Float32Array.from(new Int16Array(buffer)) };
    case 'uint16':
      return { dtype, shape, values: Float32Array.from(new Uint16Array(buffer)) };
    case 'int32':
      return { dtype, shape, values: Float64Array.from(new Int32Array(buffer)) };
    case 'uint32':
      return { dtype, shape, values: Float64Array.from(new Uint32Array(buffer)) };
    case 'int64':
      return { dtype, shape, values: Float64Array.from(new BigInt64Array(buffer), Number) };
    case 'uint64':
      return { dtype, shape, values: Float64Array.from(new BigUint64Array(buffer), Number) };
    case 'float16':
      return { dtype, shape, values: Float32Array.from(new Uint16Array(buffer), half) };
    case 'float32':
      return { dtype, shape, values: new Float32Array(buffer) };
    case 'float64':
      return { dtype, shape, values: new Float64Array(buffer) };
    case 'complex64':
      return { dtype, shape, values: magnitudes(new Float32Array(buffer)) };
    case 'complex128':
      return { dtype, shape, values: magnitudes(new Float64Array(buffer)) };
    default:
      return undefined;
  }
}

function magnitudes(pairs: Float32Array | Float64Array): Float64Array {
  return Float64Array.from({ length: pairs.length / 2 }, (_, index) => Math.hypot(pairs[2 * index] ?? 0, pairs[2 * index + 1] ?? 0));
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/** Put the elements of an array whose first index varies fastest into the usual order. */
function rowMajor(array: NumberArray): NumberArray {
  const { shape, values } = array;
  if (shape.length < 2) return array;
  const result = values.slice();
  const place = shape.map(() => 0);
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
  let from = 0;
  for (let to = 0; to < result.length; to += 1) {
    result[to] = values[from] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const step = steps[axis] ?? 0;
      place[axis] = (place[axis] ?? 0) + 1;
      from += step;
      if ((place[axis] ?? 0) < (shape[axis] ?? 0)) break;
      from -= step * (place[axis] ?? 0);
      place[axis] = 0;
    }
  }
  return { ...array, values: result };
}

/** Read an `.npy` file of numbers; undefined if it is not one. Source: NumPy, "A simple file format for NumPy arrays". */
export function npyNumbers(bytes: Uint8Array): NumberArray | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || new TextDecoder('latin1').decode(bytes.subarray(0, 6)) !== '\x93NUMPY') return undefined;
  const wide = view.getUint8(6) > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, end));
  const kind = /'descr':\s*'[<|=]?([a-z])(\d+)'/.exec(header);
  const dtype = { f: 'float', i: 'int', u: 'uint', c: 'complex', b: 'bool' }[kind?.[1] ?? ''];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]?.split(',').filter((part) => part.trim()).map(Number);
  if (!dtype || !shape) return undefined;
  const found = numbers(bytes.subarray(end), dtype === 'bool' ? 'bool' : `${dtype}${8 * Number(kind?.[2])}`, shape);
  return found && /'fortran_order':\s*True/.test(header) ? rowMajor(found) : found;
}

/** The first bytes of images that browsers decode into pixels. SVG is not among them: it is a document. */
const IMAGES: [string, number[]][] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
];

/** Return the type of an image by its first bytes; undefined for anything else. */
export function imageType(bytes: Uint8Array): string | undefined {
  return IMAGES.find(([, head]) => head.every((octet, index) => bytes[index] === octet))?.[0];
}

/** The numbers that describe an array. */
export interface Summary {
  count: number;
  missing: number;
  least: number;
  greatest: number;
  mean: number;
  deviation: number;
}

/** Describe the finite numbers of an array. */
export function summary(values: NumberArray['values']): Summary {
  let [count, least, greatest, mean, squares] = [0, Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    count += 1;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    const difference = value - mean;
    mean += difference / count;
    squares += difference * (value - mean);
  }
  return { count, missing: values.length - count, least, greatest, mean, deviation: count ? Math.sqrt(squares / count) : NaN };
}

/** Count the finite numbers of an array in bins of equal width. */
export function histogram(values: NumberArray['values'], bins: number): { edges: number[]; counts: number[] } {
  const { least, greatest, count } = summary(values);
  const width = (greatest - least) / bins || 1;
  const counts = Array.from({ length: bins }, () => 0);
  if (count) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      const bin = Math.min(bins - 1, Math.floor((value - least) / width));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  return { edges: counts.map((_, bin) => least + (bin + 0.5) * width), counts };
}

/** Return at most twice `points` points of a trace: the least and the greatest value of each stretch. */
export function thinned(values: NumberArray['values'], points: number): [number[], (number | null)[]] {
  const finite = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null);
  if (values.length <= 2 * points) return [Array.from(values.keys()), Array.from(values, finite)];
  const [places, kept]: [number[], (number | null)[]] = [[], []];
  for (let stretch = 0; stretch < points; stretch += 1) {
    const [start, end] = [Math.floor((stretch * values.length) / points), Math.floor(((stretch + 1) * values.length) / points)];
    let [low, high] = [start, start];
    for (let place = start; place < end; place += 1) {
      if ((values[place] ?? 0) < (values[low] ?? 0)) low = place;
      if ((values[place] ?? 0) > (values[high] ?? 0)) high = place;
    }
    for (const place of low < high ? [low, high] : [high, low]) {
      places.push(place);
      kept.push(finite(values[place]));
    }
  }
  return [places, kept];
}
