// `gateway` is gateway.json. The SDK's build makes it a module, without a declaration.
declare module "gateway" {
  const document: object;
  export default document;
}
