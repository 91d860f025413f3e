const NO_TLS = 'the server does not speak TLS: write http:// if that is right';
const FOREIGN_CERTIFICATE =
  'the server does not take the certificate of this side: it must be of an authority in client_ca_file there';

/** What to do about errors of TLS, by the codes that Node and OpenSSL give them. */
const ADVICE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the server's certificate has expired: renew it there",
  CERT_NOT_YET_VALID:
    "the server's certificate is not valid yet: compare the clocks of both machines",
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the server asks for a certificate of this side: give one by cert_file and key_file',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: FOREIGN_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: FOREIGN_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the certificate of this side has expired: renew it',
};

/** Codes of a certificate that leads to no authority that is trusted here. */
const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

/**
 * Why this side does not talk to a server, and what to do next; undefined if the error is none that
 * trying again would meet as well.
 */
export function explainTlsError(error: Error): string | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (UNKNOWN_AUTHORITY.has(code)) {
    return `the server's certificate is of no authority that is trusted here (${code}): name the right one by ca_file`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the server's certificate is not for this host but for ${certifiedNames(error)}: connect by one of its names, or say which one by server_name`;
  }
  return ADVICE[code];
}

function certifiedNames(error: Error): string {
  const { cert } = error as { readonly cert?: { readonly subjectaltname?: string } };
  return cert?.subjectaltname ?? 'none';
}
