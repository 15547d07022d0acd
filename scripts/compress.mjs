// Writes each file of target/site also as .br and .gz, as small as they get. The server sends these as they are.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const site = new URL('../target/site/', import.meta.url);
for (const name of readdirSync(site).filter((name) => /\.(css|js|wasm)$/.test(name))) {
  const plain = readFileSync(new URL(name, site));
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length, [constants.BROTLI_PARAM_LGWIN]: 22 };
  writeFileSync(new URL(`${name}.br`, site), brotliCompressSync(plain, { params }));
  writeFileSync(new URL(`${name}.gz`, site), gzipSync(plain, { level: 9 }));
}
