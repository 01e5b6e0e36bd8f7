// Files into stores. Browsers cannot stream a request, so each call carries a part of the file as its whole stream.
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { createEnvelopeReadableStream, encodeEnvelope } from '@connectrpc/connect/protocol';
import { trailerFlag, trailerParse, validateTrailer } from '@connectrpc/connect/protocol-grpc-web';
import { BASE_URL, objects } from './clients';
import { ObjectChunkSchema } from './generated/levada_api/v1/object_pb';
import { UploadHeaderSchema, UploadObjectRequestSchema, type UploadObjectRequest } from './generated/levada_api/v1/object_service_pb';
import type { Name } from './tables';

const PART_BYTES = 4 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;
const PATH = '/levada_api.v1.ObjectService/UploadObject';

/**
 * Put a file into the store of an attribute; return the id by which a row refers to it.
 *
 * @param progress Called with the number of bytes that have arrived.
 */
export async function upload(name: Name, attribute: string, file: File, progress: (bytes: number) => void): Promise<string> {
  const { outcome } = await objects.stageObject({ name, attribute, fileName: file.name });
  if (outcome.case === 'object') return outcome.value.id;
  const uploadId = outcome.value ?? '';
  let offset = 0;
  do {
    const part = new Uint8Array(await file.slice(offset, offset + PART_BYTES).arrayBuffer());
    await send(uploadId, offset, part);
    offset += part.length;
    progress(offset);
  } while (offset < file.size);
  const { object } = await objects.commitObject({ uploadId, sizeBytes: BigInt(file.size) });
  return object?.id ?? '';
}

/** Send one part: a header, then its chunks. */
async function send(uploadId: string, offset: number, part: Uint8Array): Promise<void> {
  const frames = [frame({ case: 'header', value: create(UploadHeaderSchema, { uploadId, offset: BigInt(offset) }) })];
  for (let place = 0; place < part.length; place += CHUNK_BYTES) {
    const content = part.subarray(place, place + CHUNK_BYTES);
    frames.push(frame({ case: 'chunk', value: create(ObjectChunkSchema, { content, crc32: BigInt(crc32(content)) }) }));
  }
  const answer = await fetch(`${BASE_URL}${PATH}`, { method: 'POST', headers: { 'content-type': 'application/grpc-web+proto' }, body: new Blob(frames) });
  if (!answer.ok || !answer.body) throw new ConnectError(answer.statusText, Code.Unavailable);
  const received = createEnvelopeReadableStream(answer.body).getReader();
  for (let next = await received.read(); !next.done; next = await received.read()) {
    if (next.value.flags === trailerFlag) {
      validateTrailer(trailerParse(next.value.data), answer.headers);
      return;
    }
  }
  throw new ConnectError('the answer is cut off', Code.Unavailable);
}

function frame(content: UploadObjectRequest['content']): Uint8Array<ArrayBuffer> {
  return encodeEnvelope(0, toBinary(UploadObjectRequestSchema, create(UploadObjectRequestSchema, { content })));
}

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Return the CRC-32 of bytes, as zlib has it. */
function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const octet of bytes) value = (value >>> 8) ^ (TABLE[(value ^ octet) & 0xff] ?? 0);
  return (value ^ 0xffffffff) >>> 0;
}
