// The server's services, called over gRPC-Web. The session is in a cookie that scripts cannot read.
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { problemOf } from './errors';
import { AccessService } from './generated/levada_api/v1/access_service_pb';
import { JobService } from './generated/levada_api/v1/job_service_pb';
import { ObjectService } from './generated/levada_api/v1/object_service_pb';
import { QueryService } from './generated/levada_api/v1/query_service_pb';
import { RowService } from './generated/levada_api/v1/row_service_pb';
import { SchemaService } from './generated/levada_api/v1/schema_service_pb';
import { ServerService } from './generated/levada_api/v1/server_service_pb';

let signedOut = (): void => undefined;

/** Call `listener` whenever the server refuses the session, so that the page asks to sign in again. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

const watchSession: Interceptor = (next) => async (request) => {
  // JupyterHub's proxy keeps an answer back until its end unless it is asked for in these words.
  if (request.stream) request.header.set('accept', 'text/event-stream');
  try {
    return await next(request);
  } catch (error) {
    if (problemOf(error).reason === 'UNAUTHENTICATED') signedOut();
    throw error;
  }
};

/** The page may be served below a path. */
export const BASE_URL = new URL('.', location.href).href.replace(/\/$/, '');

const transport = createGrpcWebTransport({
  baseUrl: BASE_URL,
  interceptors: [watchSession],
});

export const access = createClient(AccessService, transport);
export const jobs = createClient(JobService, transport);
export const objects = createClient(ObjectService, transport);
export const queries = createClient(QueryService, transport);
export const rows = createClient(RowService, transport);
export const schemas = createClient(SchemaService, transport);
export const server = createClient(ServerService, transport);
