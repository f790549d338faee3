// `gateway` is gateway.json, which the SDK's build makes a module without telling TypeScript.
declare module "gateway" {
  const document: object;
  export default document;
}
