// A Linli of its own for each worker: free port, empty data folder, sample district, SMTP server.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cookie } from '@playwright/test';

const root = join(import.meta.dirname, '../..');
const binary = process.env.LINLI_BIN ?? join(root, 'target/debug/linli');
const python = join(root, 'target/tools/python/bin/python');

export interface SignIn {
  role: string;
  name: string;
  email: string;
  password: string;
  /** Of those who are asked for a second factor. */
  authenticator?: { secret: string; url: string; recovery_codes: string[] };
}

export interface Mail {
  from: string;
  to: string[];
  subject: string;
  message_id: string;
  headers: Record<string, string>;
  text: string | null;
  html: string | null;
  raw: string;
}

export type MailMode = 'ok' | 'refuse4xx' | 'refuse5xx' | 'stall' | 'drop' | 'drop_after_data' | 'accept_then_drop';

export interface Linli {
  /** Its public URL, without a slash at the end. */
  url: string;
  scanUrls: string[];
  /** The scan URL of the first sticker at a unit. */
  stickerOf(unit: string): string;
  signIns: SignIn[];
  /** The mails to this address, oldest first. */
  mailsTo(address: string): Promise<Mail[]>;
  /** How the SMTP server treats the next `times` mails, or all from now on. */
  behave(mode: MailMode, times?: number): Promise<void>;
  /** What the server has logged so far. */
  log(): string;
  /** What the authenticator app with this secret shows now, by the server's clock. */
  code(secret: string): string;
  /** The session cookies of those who have signed in already, by role: a code works only once. */
  sessions: Map<string, Cookie[]>;
}

// A Friday morning, so that people are on duty and mails are not held, whatever the hour.
const CLOCK = '2026-11-20T10:00:00+08:00';

/** RFC 6238 with its usual numbers: HMAC-SHA-1, 30 seconds, six digits. */
export function totp(secret: string, seconds: number): string {
  const bits = [...secret.replace(/[\s=]/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(seconds / 30)));
  const hash = createHmac('sha1', key).update(counter).digest();
  const at = hash[19]! & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Passkeys need a name: with `host` localhost they can be tried. */
export async function startLinli(host = '127.0.0.1'): Promise<{ linli: Linli; stop: () => Promise<void> }> {
  const data = await mkdtemp(join(tmpdir(), 'linli-'));
  const mail = await startMail();
  const port = await freePort();
  const url = `http://${host}:${port}`;
  const settings = {
    // Nothing of the developer's own settings.
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LINLI_'))),
    LINLI_ADDR: `127.0.0.1:${port}`,
    LINLI_PUBLIC_URL: url,
    LINLI_DATA_DIR: data,
    LINLI_CLOCK: CLOCK,
    LINLI_SMTP_URL: `smtp://127.0.0.1:${mail.smtpPort}`,
  };

  const sample = await promisify(execFile)(binary, ['demo', '--json'], { env: settings, cwd: data });
  const { scan_urls: points, sign_ins: signIns } = JSON.parse(sample.stdout);
  const scanUrls = points.map((point: { url: string }) => point.url);

  const began = Date.now();
  const server = spawn(binary, ['serve'], { env: settings, cwd: data, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  server.stdout.on('data', (text) => (log += text));
  server.stderr.on('data', (text) => (log += text));
  await untilUp(url, server, () => log);

  const linli: Linli = {
    url,
    scanUrls,
    stickerOf: (unit) => points.find(({ label }: { label: string }) => label.includes(unit)).url,
    signIns,
    mailsTo: async (address) => (await mail.mails()).filter((one) => one.to.includes(address)),
    behave: mail.behave,
    log: () => log,
    code: (secret) => totp(secret, (Date.parse(CLOCK) + Date.now() - began) / 1000),
    sessions: new Map(),
  };
  const stop = async () => {
    const status = await end(server);
    await end(mail.process);
    await rm(data, { recursive: true, force: true });
    if (status !== 0) throw new Error(`linli did not stop well (${status}):\n${log.slice(-4000)}`);
  };
  return { linli, stop };
}

async function startMail() {
  const server = spawn(python, [join(root, 'end2end/smtp/server.py')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    once(createInterface(server.stdout), 'line'),
    once(server, 'exit').then(() => Promise.reject(new Error('The SMTP test server did not start'))),
  ]);
  const ports = JSON.parse(line) as { smtp_port: number; http_port: number };
  const control = `http://127.0.0.1:${ports.http_port}`;
  return {
    process: server,
    smtpPort: ports.smtp_port,
    mails: async () => (await (await fetch(`${control}/mails`)).json()) as Mail[],
    behave: async (mode: MailMode, times?: number) => {
      const answer = await fetch(`${control}/behave`, { method: 'POST', body: JSON.stringify({ mode, times }) });
      if (!answer.ok) throw new Error(await answer.text());
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function untilUp(url: string, server: ChildProcess, log: () => string) {
  for (let waited = 0; waited < 30_000; waited += 100) {
    if (server.exitCode !== null) break;
    const answer = await fetch(`${url}/up`).catch(() => null);
    if (answer?.ok) return;
    await sleep(100);
  }
  server.kill('SIGKILL');
  throw new Error(`linli did not come up at ${url}:\n${log()}`);
}

/** Asks to stop, and insists after 15 s. Gives the exit status, or the signal that ended it. */
async function end(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) {
    const insist = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.kill('SIGTERM');
    await once(child, 'exit');
    clearTimeout(insist);
  }
  return child.exitCode ?? child.signalCode ?? 'unknown';
}
