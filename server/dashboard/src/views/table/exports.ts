// Rows as files: written batch by batch, into the browser's memory for files rather than the page's.
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { batches } from '../../api/batches';
import { Gathered, save } from '../../api/downloads';
import type { Relation } from '../../api/generated/levada_api/v1/relation_pb';
import { sentText } from '../../api/cells';
import { parquetColumn } from '../../api/kinds';
import type { ParquetColumn } from '../../api/parquet';
import type { Attribute, Rows } from '../../api/rows';
import { parseType } from '../../api/types';

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
      lines.push(rows.attributes.map((_, place) => quoted(sentText(rows.cell(row, place)) ?? '')).join(','));
    }
    if (lines.length) this.gathered.add(new TextEncoder().encode(`${lines.join('\r\n')}\r\n`));
  }

  blob(): Blob {
    return this.gathered.blob();
  }
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
    const held = rows.attributes.map((attribute) => parquetColumn(parseType(attribute.type)));
    this.file ??= new ParquetWriter({ writer: this.writer, schema: schemaOf(rows.attributes, held) });
    const columnData = rows.attributes.map((attribute, place) => ({
      name: attribute.name,
      data: Array.from({ length: rows.count }, (_, row) => held[place]?.value(rows.cell(row, place)) ?? null),
    }));
    void this.file.write({ columnData, rowGroupSize: Math.max(1, rows.count) });
  }

  blob(): Blob {
    void this.file?.finish();
    this.writer.flush();
    return this.gathered.blob();
  }
}

function schemaOf(attributes: readonly Attribute[], held: readonly ParquetColumn[]): SchemaElement[] {
  return [
    { name: 'root', num_children: attributes.length },
    ...attributes.map(({ name, primaryKey }, place): SchemaElement => ({ ...held[place]?.element, name, repetition_type: primaryKey ? 'REQUIRED' : 'OPTIONAL' })),
  ];
}
