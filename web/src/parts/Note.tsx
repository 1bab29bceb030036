// Messages: what is wrong, and what to do about it.
import type { ReactNode } from "react";
import type { Refused } from "../api/client";

export function Note({ tone, children }: { tone: "plain" | "warning" | "error" | "good"; children: ReactNode }) {
  return <div className={`note ${tone}`} role={tone === "error" ? "alert" : undefined}>{children}</div>;
}

export function Refusal({ error }: { error: Refused }) {
  return (
    <Note tone="error">
      <span>{error.message}</span>
      {error.hint ? <span className="hint">{error.hint}</span> : null}
    </Note>
  );
}
