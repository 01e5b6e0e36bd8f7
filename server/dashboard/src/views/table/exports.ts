// Rows as files: written batch by batch, into the browser's memory for files rather than the page's.
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { batches } from '../../api/batches';
import { Gathered, save } from '../../api/downloads';
import type { Relation } from '../../api/generated/levada_api/v1/relation_pb';
import { cellText, type Attribute, type Cell, type Rows } from '../../api/rows';

/**
 * Write the rows of a relation into a file of the reader's downloads.
 *
 * @param progress Called with the number of rows so far.
 */
export async function saveRows(relation: Relation, format: 'csv' | 'parquet', name: string, signal: AbortSignal, progress: (rows: number) => void): Promise<void> {
  const target = format === 'csv' ? new CsvFile() : new ParquetFile();
  let count = 0;
  for await (const rows of batches(relation, signal)) {
    target.add(rows);
    count += rows.count;
    progress(count);
  }
  save(target.blob(), name);
}

class CsvFile {
  private readonly gathered = new Gathered();
  private begun = false;

  add(rows: Rows): void {
    const lines: string[] = [];
    if (!this.begun) lines.push(rows.attributes.map((attribute) => quoted(attribute.name)).join(','));
    this.begun = true;
    for (let row = 0; row < rows.count; row += 1) {
      lines.push(rows.attributes.map((_, place) => quoted(plainText(rows.cell(row, place)))).join(','));
    }
    if (lines.length) this.gathered.add(new TextEncoder().encode(`${lines.join('\r\n')}\r\n`));
  }

  blob(): Blob {
    return this.gathered.blob();
  }
}

/** Write a value as the server reads it back; NULL is empty. */
function plainText(cell: Cell): string {
  return cell.kind === 'time' ? cell.stored : cell.kind === 'object' ? cell.value.path : cellText(cell);
}

/** Quote a field if it needs it. Source: RFC 4180. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hands over what is written after each group of rows. */
class GatheringWriter extends ByteWriter {
  constructor(private readonly gathered: Gathered) {
    super();
  }

  flush(): void {
    this.gathered.add(this.getBytes().slice());
    this.index = 0;
  }
}

class ParquetFile {
  private readonly gathered = new Gathered();
  private readonly writer = new GatheringWriter(this.gathered);
  private file: ParquetWriter | undefined;

  add(rows: Rows): void {
    const kinds = rows.attributes.map((attribute) => parquetKind(attribute));
    this.file ??= new ParquetWriter({ writer: this.writer, schema: schemaOf(rows.attributes, kinds) });
    const columnData = rows.attributes.map((attribute, place) => ({
      name: attribute.name,
      data: Array.from({ length: rows.count }, (_, row) => kinds[place]?.value(rows.cell(row, place)) ?? null),
    }));
    void this.file.write({ columnData, rowGroupSize: Math.max(1, rows.count) });
  }

  blob(): Blob {
    void this.file?.finish();
    this.writer.flush();
    return this.gathered.blob();
  }
}

interface ParquetKind {
  element: Partial<SchemaElement>;
  value: (cell: Cell) => unknown;
}

/** Return how a column of Parquet holds the values of a type: durations as microseconds, times of day as text. */
function parquetKind({ type }: Attribute): ParquetKind {
  const word = /^[a-z0-9]+/.exec(type)?.[0] ?? '';
  const number = (cell: Cell): unknown => (cell.kind === 'number' ? Number(cell.value) : null);
  const whole = (cell: Cell): unknown => (cell.kind === 'number' ? BigInt(cell.value) : null);
  switch (word) {
    case 'bool':
      return { element: { type: 'BOOLEAN' }, value: (cell) => (cell.kind === 'boolean' ? cell.value : null) };
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
      return { element: { type: 'INT32' }, value: number };
    case 'uint32':
    case 'int64':
      return { element: { type: 'INT64' }, value: whole };
    case 'uint64':
      return { element: { type: 'INT64', converted_type: 'UINT_64' }, value: whole };
    case 'float32':
      return { element: { type: 'FLOAT' }, value: number };
    case 'float64':
      return { element: { type: 'DOUBLE' }, value: number };
    case 'decimal':
    case 'numeric':
      return decimalKind(type);
    case 'date':
      return { element: { type: 'INT32', converted_type: 'DATE' }, value: (cell) => (cell.kind === 'time' ? Number(cell.raw) : null) };
    case 'datetime':
    case 'timestamp':
    case 'timestamptz':
      return {
        element: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: word === 'timestamptz', unit: 'MICROS' } },
        value: (cell) => (cell.kind === 'time' ? cell.raw : null),
      };
    case 'duration':
      return { element: { type: 'INT64' }, value: (cell) => (cell.kind === 'time' ? cell.raw : null) };
    default:
      return { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, value: (cell) => (cell.kind === 'null' ? null : plainText(cell)) };
  }
}

function decimalKind(type: string): ParquetKind {
  const [precision = 38, scale = 0] = (/\((\d+)(?:,\s*(\d+))?\)/.exec(type)?.slice(1) ?? []).map((digits) => Number(digits || 0));
  return {
    element: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision, scale },
    value: (cell) => (cell.kind === 'number' ? BigInt(cell.text.replace('.', '')) : null),
  };
}

function schemaOf(attributes: readonly Attribute[], kinds: readonly ParquetKind[]): SchemaElement[] {
  return [
    { name: 'root', num_children: attributes.length },
    ...attributes.map(({ name, primaryKey }, place): SchemaElement => ({ ...kinds[place]?.element, name, repetition_type: primaryKey ? 'REQUIRED' : 'OPTIONAL' })),
  ];
}
