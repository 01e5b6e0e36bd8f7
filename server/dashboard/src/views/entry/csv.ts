// Reading CSV files as people save them: quoted cells, commas, semicolons or tabs, any line ends.

export interface Csv {
  header: string[];
  /** The cells of each line, in the order of the header, and the number of the line in the file. */
  lines: { number: number; cells: string[] }[];
}

/** Read a CSV file with a header. */
export function readCsv(text: string): Csv {
  const [first, ...rest] = records(text.replace(/^\uFEFF/, ''));
  return { header: (first?.cells ?? []).map((cell) => cell.trim()), lines: rest.filter((line) => line.cells.some((cell) => cell !== '') || line.cells.length > 1) };
}

function records(text: string): { number: number; cells: string[] }[] {
  const separator = separatorOf(text);
  const found: { number: number; cells: string[] }[] = [];
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let begin = 1;
  const end = (): void => {
    found.push({ number: begin, cells: [...cells, cell] });
    cells = [];
    cell = '';
  };
  for (let place = 0; place < text.length; place += 1) {
    const letter = text[place] ?? '';
    if (letter === '\n') line += 1;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[place + 1] === '"') {
        cell += '"';
        place += 1;
      } else quoted = false;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) {
      cells.push(cell);
      cell = '';
    } else if (letter === '\n') {
      end();
      begin = line;
    } else if (letter !== '\r') cell += letter;
  }
  if (cell !== '' || cells.length) end();
  return found;
}

/** Return the separator that the first line has most of. */
function separatorOf(text: string): string {
  const first = text.slice(0, text.search(/\r?\n|$/));
  const count = (one: string): number => first.split(one).length;
  return [',', ';', '\t'].reduce((best, one) => (count(one) > count(best) ? one : best));
}
