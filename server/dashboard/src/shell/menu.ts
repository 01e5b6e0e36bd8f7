/** Close a `<details>` that hangs over the page, as menus do: on Escape, and when the reader goes elsewhere. */
export function menu(details: HTMLDetailsElement): () => void {
  const end = new AbortController();
  const { signal } = end;
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return;
    details.open = false;
    details.querySelector('summary')?.focus();
    event.stopPropagation();
  }, { signal });
  const leave = (event: Event): void => {
    if (event.target instanceof Node && !details.contains(event.target)) details.open = false;
  };
  document.addEventListener('pointerdown', leave, { signal });
  document.addEventListener('focusin', leave, { signal });
  return () => { end.abort(); };
}
