// The command that does the same, to copy.
import { useState } from "react";

export function Command({ text, label = "The same as a command" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  if (!text) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="command">
      <div className="commandhead">
        <span className="dim">{label}</span>
        <button className="quiet" onClick={() => void copy()}>{copied ? "Copied" : "Copy"}</button>
      </div>
      <code>{text}</code>
    </div>
  );
}
