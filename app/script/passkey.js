// Passkeys: asks the server what to ask, asks the browser, and gives the answer back. Everything else on these pages works without it.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const described = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

function toCreate(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  return { ...options, user, challenge: bytes(options.challenge), excludeCredentials: described(options.excludeCredentials) };
}

function toGet(options) {
  return { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) };
}

function answer(credential) {
  const { response } = credential;
  const kept = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    kept.attestationObject = text(response.attestationObject);
    if (response.getTransports) kept.transports = response.getTransports();
  } else {
    kept.authenticatorData = text(response.authenticatorData);
    kept.signature = text(response.signature);
    kept.userHandle = response.userHandle ? text(response.userHandle) : null;
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: kept, extensions: {} };
}

async function post(url, body, type) {
  const reply = await fetch(url, { method: 'POST', body, headers: type ? { 'content-type': type } : {}, credentials: 'same-origin' });
  const said = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(said.error || '');
  return said;
}

async function run(form) {
  const { passkey, finish, back } = form.dataset;
  const { id, options } = await post(form.action, new URLSearchParams(new FormData(form)));
  const credential = passkey === 'add'
    ? await navigator.credentials.create({ publicKey: toCreate(options) })
    : await navigator.credentials.get({ publicKey: toGet(options) });
  const { to, codes } = await post(finish, JSON.stringify({ id, credential: answer(credential), back }), 'application/json');
  if (codes) show(to, codes, form); else location.assign(to);
}

// Recovery codes came with it: a page of their own, to be printed, as after setting up an app.
function show(to, codes, form) {
  const page = Object.assign(document.createElement('form'), { method: 'post', action: to, hidden: true });
  const csrf = form.querySelector('[name=csrf]');
  const fields = { csrf: csrf ? csrf.value : '', intent: 'shown', back: form.dataset.back, shown: codes.join(' ') };
  for (const [name, value] of Object.entries(fields)) {
    page.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
  }
  document.body.append(page);
  page.submit();
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!window.PublicKeyCredential) continue;
  const wrong = form.querySelector('.err');
  const button = form.querySelector('button');
  form.hidden = false;
  for (const without of document.querySelectorAll('[data-without-passkey]')) without.hidden = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    wrong.hidden = true;
    button.disabled = true;
    run(form).catch((error) => {
      const isCancelled = error.name === 'NotAllowedError' || error.name === 'AbortError';
      const isKnown = error.name === 'InvalidStateError';
      wrong.lastElementChild.textContent = isCancelled ? form.dataset.cancelled : isKnown ? form.dataset.known : (!error.name || error.name === 'Error') && error.message || form.dataset.failed;
      wrong.hidden = false;
      button.disabled = false;
    });
  });
}
