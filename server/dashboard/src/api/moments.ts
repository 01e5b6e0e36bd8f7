// Dates, times and spans as text. Microseconds are exact: a double of milliseconds would lose them after the year 2255.
import type { Timestamp } from '@bufbuild/protobuf/wkt';

const DAY_US = 86_400_000_000n;

/** The reader's time zone, `Europe/Lisbon`. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const SHORT_ZONE = new Intl.DateTimeFormat('en', { timeZoneName: 'short' });

/** Write a day, counted from 1970-01-01. */
export function dateText(days: number): string {
  return new Date(days * 86_400_000).toISOString().replace(/^\+0*/, '').slice(0, 10);
}

/** Write a time of day, in microseconds after midnight. */
export function timeText(microseconds: bigint): string {
  const seconds = microseconds / 1_000_000n;
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction(microseconds % 1_000_000n)}`;
}

/** Write a moment of a wall clock, in microseconds since 1970. */
export function momentText(microseconds: bigint): string {
  const ofDay = ((microseconds % DAY_US) + DAY_US) % DAY_US;
  return `${dateText(Number((microseconds - ofDay) / DAY_US))} ${timeText(ofDay)}`;
}

/** Write a moment in the reader's time zone, with the zone's name; `hint` says the same in UTC. */
export function zonedText(microseconds: bigint): { text: string; hint: string } {
  const moment = new Date(Number(microseconds / 1000n));
  // The zone's offset at that moment, in whole minutes as browsers know it.
  const local = microseconds - BigInt(Math.round(moment.getTimezoneOffset())) * 60_000_000n;
  return { text: `${momentText(local)} ${zoneName(moment)}`, hint: `${momentText(microseconds)} UTC; shown in ${ZONE}` };
}

function zoneName(moment: Date): string {
  return SHORT_ZONE.formatToParts(moment).find((part) => part.type === 'timeZoneName')?.value ?? 'local time';
}

/** Write a moment of the API in the reader's time zone, to the second; empty if it is unset. */
export function timestampText(moment: Timestamp | undefined): string {
  return moment ? zonedText(moment.seconds * 1_000_000n).text : '';
}

/** Write a span of time: `1 d 02:03:04.5`. */
export function durationText(microseconds: bigint): string {
  const size = microseconds < 0n ? -microseconds : microseconds;
  const days = size / DAY_US;
  return `${microseconds < 0n ? '-' : ''}${days ? `${String(days)} d ` : ''}${timeText(size % DAY_US)}`;
}

/** Write a span of time as the server reads it: `26:03:04.5`. */
export function spanText(microseconds: bigint): string {
  return microseconds < 0n ? `-${timeText(-microseconds)}` : timeText(microseconds);
}

function two(part: bigint): string {
  return String(part).padStart(2, '0');
}

function fraction(microseconds: bigint): string {
  return microseconds ? `.${String(microseconds).padStart(6, '0').replace(/0+$/, '')}` : '';
}
