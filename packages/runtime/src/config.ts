export { authSchema, toAuthOptions } from './config/auth-schema.ts';
export { clientTlsSchema, serverTlsSchema, toClientTls, toServerTls } from './config/tls-schema.ts';
