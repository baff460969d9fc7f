// Vite turns these imports into the addresses of files that it copies.
declare module "*?url" {
  const url: string;
  export default url;
}
declare module "*.css";
