// The mark of thon: the rings of a contrast transfer function. They breathe while something runs.
export function Rings({ busy }: { busy: boolean }) {
  return (
    <svg className={busy ? "rings busy" : "rings"} viewBox="0 0 32 32" fill="none" stroke="currentColor" aria-hidden="true">
      <circle cx="16" cy="16" r="3" strokeWidth="2.6" />
      <circle cx="16" cy="16" r="7.5" strokeWidth="2" />
      <circle cx="16" cy="16" r="11.2" strokeWidth="1.5" />
      <circle cx="16" cy="16" r="14.2" strokeWidth="1" />
    </svg>
  );
}
