export { clientTlsSchema, serverTlsSchema, toClientTls, toServerTls } from './config/tls-schema.ts';
