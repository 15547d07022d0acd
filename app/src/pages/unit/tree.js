// The tree opens in its place, moves by keyboard as a tree does (WAI-ARIA), and is searched while typing. Without this file everything is a link.
(function () {
  'use strict';
  var tree = document.getElementById('tree');
  var field = document.getElementById('q');
  var found = document.getElementById('found');
  var whole = document.getElementById('whole');
  var told = document.getElementById('told');
  var count = 0;

  function each(list, act) { Array.prototype.forEach.call(list, act); }

  function get(address, signal) {
    return fetch(address, { credentials: 'same-origin', headers: { 'x-requested-with': 'fetch' }, signal: signal }).then(function (answer) {
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      return answer.text();
    });
  }

  // One place that lasts says what has happened: a new one each time is not read out.
  function tell(text) {
    told.className = 'sr';
    told.textContent = text;
  }

  // ── the tree ──
  function nodes() { return Array.prototype.filter.call(tree.querySelectorAll('.node'), function (n) { return n.offsetParent !== null; }); }
  function item(node) { return node.parentNode; }
  function group(node) { return item(node).querySelector(':scope > ul'); }
  function isOpen(node) { return node.getAttribute('aria-expanded') === 'true'; }
  function above(node) { var list = item(node).parentNode; return list === tree ? null : list.parentNode.querySelector('.node'); }
  function name(node) { var a = node.querySelector('.name a') || node.querySelector('a'); return a ? a.textContent : ''; }

  function dress(root) {
    each(root.querySelectorAll('li.more'), function (li) {
      if (li.querySelector('.node')) return;
      var node = document.createElement('div');
      node.className = 'node';
      node.appendChild(li.firstElementChild);
      li.appendChild(node);
    });
    each(root.querySelectorAll('li'), function (li) { li.setAttribute('role', 'none'); });
    each(root.querySelectorAll('.node'), function (node) {
      node.setAttribute('role', 'treeitem');
      if (!node.hasAttribute('tabindex')) node.tabIndex = -1;
      each(node.querySelectorAll('a'), function (a) { a.tabIndex = -1; });
      var turn = node.querySelector('.turn');
      if (turn && turn.hasAttribute('aria-expanded')) {
        node.setAttribute('aria-expanded', turn.getAttribute('aria-expanded'));
        turn.removeAttribute('aria-expanded');
        turn.removeAttribute('aria-label');
        turn.setAttribute('aria-hidden', 'true');
      }
      own(node);
    });
  }

  function own(node) {
    var list = group(node);
    if (!list) return;
    list.setAttribute('role', 'group');
    if (!list.id) list.id = 'below-' + (count += 1);
    node.setAttribute('aria-owns', list.id);
  }

  function focus(node) {
    if (!node) return;
    each(tree.querySelectorAll('[tabindex="0"]'), function (n) { n.tabIndex = -1; });
    node.tabIndex = 0;
    node.focus();
  }

  function say(node, text) {
    var old = item(node).querySelector(':scope > .state');
    if (old) old.remove();
    if (!text) return;
    var line = document.createElement('p');
    line.className = 'state soft';
    line.textContent = text;
    node.after(line);
    tell(text);
  }

  function set(node, open) {
    node.setAttribute('aria-expanded', String(open));
    var list = group(node);
    if (list) list.hidden = !open;
    var id = /unit=([0-9a-f]+)/.exec(node.querySelector('.turn').dataset.below);
    if (id) history.replaceState(null, '', open ? '?open=' + id[1] : location.pathname);
  }

  function open(node) {
    if (isOpen(node) || node.dataset.busy) return Promise.resolve();
    if (group(node)) { set(node, true); return Promise.resolve(); }
    node.dataset.busy = '1';
    var late = setTimeout(function () { say(node, tree.dataset.loading); }, 300);
    return get(node.querySelector('.turn').dataset.below).then(function (html) {
      say(node, '');
      node.insertAdjacentHTML('afterend', html);
      dress(item(node));
      set(node, true);
    }, function () { say(node, tree.dataset.failed); }).then(function () {
      clearTimeout(late);
      delete node.dataset.busy;
    });
  }

  function close(node) {
    set(node, false);
    if (item(node).contains(document.activeElement)) focus(node);
  }

  function more(node) {
    if (node.dataset.busy) return;
    node.dataset.busy = '1';
    var li = item(node);
    var list = li.parentNode;
    var had = document.activeElement === node;
    get(node.querySelector('a').dataset.below).then(function (html) {
      var box = document.createElement('div');
      box.innerHTML = html;
      var first = null;
      each(Array.prototype.slice.call(box.querySelectorAll(':scope > ul > li')), function (next) {
        if (next.classList.contains('more') && !next.querySelector('[data-below]')) return;
        list.insertBefore(next, li);
        first = first || next;
      });
      li.remove();
      dress(list);
      if (first && had) focus(first.querySelector('.node'));
    }, function () {
      delete node.dataset.busy;
      say(node, tree.dataset.failed);
    });
  }

  function act(node) {
    var link = node.querySelector('.name a');
    if (link) { link.click(); return; }
    link = node.querySelector('a');
    if (link.dataset.below) more(node); else location.assign(link.href);
  }

  var typed = '';
  var since = 0;
  function jump(from, key) {
    var now = Date.now();
    typed = now - since < 700 ? typed + key : key;
    since = now;
    var all = nodes();
    var at = all.indexOf(from);
    // The same letter again goes on to the next one.
    var again = /^(.)\1+$/.test(typed);
    var what = again ? typed.charAt(0) : typed;
    for (var i = typed.length > 1 && !again ? 0 : 1; i <= all.length; i += 1) {
      var node = all[(at + i) % all.length];
      var code = node.querySelector('.ref');
      if ([name(node).toLowerCase(), node.dataset.k || '', code ? code.textContent.toLowerCase() : ''].some(function (t) { return t.indexOf(what) === 0; })) {
        focus(node);
        return;
      }
    }
  }

  function key(event) {
    var node = event.target.closest('.node');
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    var all = nodes();
    var at = all.indexOf(node);
    var expands = node.hasAttribute('aria-expanded');
    switch (event.key) {
      case 'ArrowDown': focus(all[at + 1]); break;
      case 'ArrowUp': focus(all[at - 1]); break;
      case 'Home': focus(all[0]); break;
      case 'End': focus(all[all.length - 1]); break;
      case 'ArrowRight': if (expands) { if (isOpen(node)) focus(all[at + 1]); else open(node); } break;
      case 'ArrowLeft': if (expands && isOpen(node)) close(node); else focus(above(node)); break;
      case '*': each(item(node).parentNode.querySelectorAll(':scope > li > .node[aria-expanded=false]'), open); break;
      case 'Enter': act(node); break;
      case ' ': if (expands) { if (isOpen(node)) close(node); else open(node); } else act(node); break;
      default:
        if (event.key.length !== 1) return;
        jump(node, event.key.toLowerCase());
    }
    event.preventDefault();
  }

  function press(event) {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    var link = event.target.closest('a[data-below]');
    if (!link) return;
    event.preventDefault();
    var node = link.closest('.node');
    focus(node);
    if (!link.classList.contains('turn')) more(node); else if (isOpen(node)) close(node); else open(node);
  }

  if (tree) {
    tree.setAttribute('role', 'tree');
    tree.setAttribute('aria-label', tree.dataset.label);
    dress(tree);
    var first = tree.querySelector('.node');
    if (first) first.tabIndex = 0;
    tree.addEventListener('keydown', key);
    tree.addEventListener('click', press);
    document.getElementById('keys').hidden = false;
  }

  // ── searching while typing ──
  var waiting = 0;
  var asking = null;
  function search() {
    var q = field.value.trim();
    if (asking) asking.abort();
    if (!q) {
      if (!tree) { location.assign('/admin/units'); return; }
      found.hidden = true;
      whole.hidden = false;
      tell('');
      history.replaceState(null, '', location.pathname);
      return;
    }
    asking = new AbortController();
    get('/admin/units/found?q=' + encodeURIComponent(q), asking.signal).then(function (html) {
      found.innerHTML = html;
      found.hidden = false;
      if (whole) whole.hidden = true;
      history.replaceState(null, '', '?q=' + encodeURIComponent(q));
      tell(Array.prototype.map.call(found.querySelectorAll('h2, .empty p'), function (part) { return part.textContent; }).join(' '));
    }, function (why) {
      if (why.name === 'AbortError') return;
      // What is being typed stays, and the next letter tries again.
      tell(told.dataset.failed);
      told.className = 'hint';
    });
  }
  field.addEventListener('input', function (event) {
    clearTimeout(waiting);
    // Half a syllable is not a word yet.
    if (!event.isComposing) waiting = setTimeout(search, 180);
  });
  field.addEventListener('compositionend', function () { clearTimeout(waiting); waiting = setTimeout(search, 180); });
})();
