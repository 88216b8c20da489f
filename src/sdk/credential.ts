/** A secret resolved from text, `${env:NAME}` or `${file:/path}`. Never logged. */
export type Credential =
  | { readonly kind: "key"; readonly key: string; readonly user?: string }
  | { readonly kind: "password"; readonly user: string; readonly password: string };
