/**
 * Makes an element. Text is always set as text, so nothing from the API can become markup.
 *
 * @param {string} tag `li`, or `li.done.late` with classes
 * @param {Record<string, string | Record<string, string> | undefined>} [properties] attributes; `style` is an object that is set through the CSSOM, which the content security policy allows
 * @param {...(Node | string | undefined)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const made = document.createElement(name);
  made.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (typeof value === 'string') made.setAttribute(key, value);
    else for (const [rule, text] of Object.entries(value)) made.style.setProperty(rule, text);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

const shown = new WeakMap();

/**
 * Replaces the children of an element only when its content has changed: focus, selection and scrolling survive the
 * polls in which nothing happened.
 *
 * @param {HTMLElement} target
 * @param {unknown} content what the children are made from
 * @param {() => Node[]} make
 */
export function refresh(target, content, make) {
  const key = JSON.stringify(content);
  if (shown.get(target) === key) return;
  shown.set(target, key);
  const { activeElement } = document;
  const focused = activeElement !== null && target.contains(activeElement) ? activeElement.id : '';
  target.replaceChildren(...make());
  if (focused !== '') document.getElementById(focused)?.focus();
}
