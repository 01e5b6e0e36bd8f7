// Values that are entered as files and as arrays of numbers, in the bytes in which the server stores them.
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { ValueSchema } from '../../api/generated/levada_api/v1/value_pb';
import type { AttributeType } from '../../api/types';
import { jsonValue } from '../../api/values';

type ValueInit = MessageInitShape<typeof ValueSchema>;

/** Rows travel in one message, and other attributes need room too. */
const MOST_BYTES = 6_000_000;

/** Write elements of a dtype, little-endian; the machine of every browser is. */
const ELEMENTS: Record<string, (numbers: number[]) => ArrayBufferView> = {
  bool: (numbers) => Uint8Array.from(numbers, Number),
  int8: (numbers) => Int8Array.from(numbers),
  uint8: (numbers) => Uint8Array.from(numbers),
  int16: (numbers) => Int16Array.from(numbers),
  uint16: (numbers) => Uint16Array.from(numbers),
  int32: (numbers) => Int32Array.from(numbers),
  uint32: (numbers) => Uint32Array.from(numbers),
  int64: (numbers) => BigInt64Array.from(numbers, BigInt),
  uint64: (numbers) => BigUint64Array.from(numbers, BigInt),
  float32: (numbers) => Float32Array.from(numbers),
  float64: (numbers) => Float64Array.from(numbers),
};

/** Read a file as the stored bytes of an `<attach>` (its name, NUL, its content) or of `bytes` (its content). */
export async function fileBytes(file: File, type: AttributeType): Promise<Uint8Array> {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} has ${String(Math.round(file.size / 1e6))} MB; a row that is entered here holds at most ${String(MOST_BYTES / 1e6)}. Enter it with the Python or MATLAB client.`);
  const content = new Uint8Array(await file.arrayBuffer());
  return type.kind === 'attach' ? joined(new TextEncoder().encode(`${file.name}\0`), content) : content;
}

/** Read the text of an array of fixed shape as its stored bytes: `[[1, 2.5], [3, NaN]]`. */
export function arrayBytes(text: string, { dtype, numbers: shape }: AttributeType): Uint8Array {
  const { numbers, shape: given } = tensorOf(parsed(text)) ?? fail('This is not an array of numbers, such as [1, 2.5, 3].');
  if (given.join() !== shape.join()) fail(`This has the shape (${given.join(', ')}), and the attribute takes (${shape.join(', ')}).`);
  const wrong = numbers.find((one) => !fits(one, dtype));
  if (wrong !== undefined) fail(`${String(wrong)} is not a ${dtype}.`);
  return octets(numbers, dtype);
}

/** Read a text as the stored bytes of a `<blob>`: numbers in brackets are an array, the rest is as in JSON. */
export function blobBytes(text: string): Uint8Array {
  const header = new TextEncoder().encode('lv1\0');
  return joined(header, toBinary(ValueSchema, create(ValueSchema, blobValue(parsed(text)))));
}

function blobValue(plain: unknown): ValueInit {
  const tensor = Array.isArray(plain) ? tensorOf(plain) : undefined;
  if (tensor?.numbers.length) {
    const dtype = tensor.numbers.every((one) => Number.isSafeInteger(one)) ? 'int64' : 'float64';
    return { kind: { case: 'tensor', value: { dtype, shape: tensor.shape.map(BigInt), elements: octets(tensor.numbers, dtype) } } };
  }
  if (Array.isArray(plain)) return { kind: { case: 'list', value: { values: plain.map(blobValue) } } };
  if (plain === null || typeof plain !== 'object') return jsonValue(plain);
  const entries = Object.entries(plain);
  return { kind: { case: 'map', value: { keys: entries.map(([key]) => key), values: entries.map(([, value]) => blobValue(value)) } } };
}

/** Parse JSON in which numbers may also be NaN and Infinity. */
function parsed(text: string): unknown {
  const special = new Map([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity]]);
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (found) => (special.has(found) ? `"\\u0000${found}"` : found));
  try {
    return JSON.parse(marked, (_, value: unknown) => (typeof value === 'string' && value.startsWith('\0') ? special.get(value.slice(1)) : value)) as unknown;
  } catch (error) {
    return fail(`This is not an array of numbers, such as [1, 2.5, 3], nor JSON: ${String(error)}`);
  }
}

/** Return the numbers and the shape of nested lists; undefined if they are not an array of numbers. */
function tensorOf(plain: unknown): { numbers: number[]; shape: number[] } | undefined {
  if (typeof plain === 'number' || typeof plain === 'boolean') return { numbers: [Number(plain)], shape: [] };
  if (!Array.isArray(plain)) return undefined;
  const parts = plain.map(tensorOf);
  const [first] = parts;
  if (parts.some((part) => part === undefined || part.shape.join() !== first?.shape.join())) return undefined;
  return { numbers: parts.flatMap((part) => part?.numbers ?? []), shape: [parts.length, ...(first?.shape ?? [])] };
}

function octets(numbers: number[], dtype: string): Uint8Array {
  const { buffer } = ELEMENTS[dtype]?.(numbers) ?? fail(`Arrays of ${dtype} cannot be entered here.`);
  return new Uint8Array(buffer as ArrayBuffer);
}

/** Return whether a dtype holds a number; floats hold each, rounded. */
function fits(value: number, dtype: string): boolean {
  if (dtype.startsWith('float')) return true;
  if (!Number.isSafeInteger(value)) return false;
  return ELEMENTS[dtype] !== undefined && [...(ELEMENTS[dtype]([value]) as unknown as Iterable<number | bigint>)].every((one) => Number(one) === value) && (dtype !== 'bool' || value === 0 || value === 1);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function fail(message: string): never {
  throw new Error(message);
}
