// Attribute types, read from the spelling that the server gives them.

/** An attribute type: `<array float32(2, 3)>` has the kind `array`, the dtype float32 and the numbers 2 and 3. */
export interface AttributeType {
  /** The word of its kind, a key of `KINDS`. */
  kind: string;
  /** The length of a text, the digits of a decimal before and after the point, or the shape of an array. */
  numbers: number[];
  /** Of an enum. */
  labels: string[];
  /** Of the elements of an array. */
  dtype: string;
  /** By which values lie in a store. */
  codec: string;
  /** A codec of clients makes its values from others. */
  encoded: boolean;
}

const CLIENT_CODEC = /^<\s*[a-z_][a-z0-9_]*\s*:(.*)>$/is;
const LABEL = /'((?:[^'\\]|\\.)*)'/gs;

/** Read a type. */
export function parseType(text: string): AttributeType {
  const plain: AttributeType = { kind: '', numbers: [], labels: [], dtype: '', codec: '', encoded: false };
  const stored = CLIENT_CODEC.exec(text)?.[1];
  if (stored !== undefined) return { ...parseType(stored.trim()), encoded: true };
  const [, codec] = /^<(\w+)@.*>$/.exec(text) ?? [];
  if (codec !== undefined) return { ...plain, kind: 'object', codec };
  if (text.startsWith('enum')) return { ...plain, kind: 'enum', labels: [...text.matchAll(LABEL)].map(([, label = '']) => label.replace(/\\([\\'])/g, '$1')) };
  const [, kind = '', dtype = '', numbers = ''] = /^<?(\w+) ?(\w*)(?:\(([\d, ]*)\))?>?$/.exec(text) ?? [];
  return { ...plain, kind, dtype, numbers: numbers.split(',').filter((part) => part.trim()).map(Number) };
}
