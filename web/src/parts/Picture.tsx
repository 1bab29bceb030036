// A picture that a job made.
import { useEffect, useState } from "react";
import { blob } from "../api/client";

export function Picture({ path, name }: { path: string; name: string }) {
  const [address, setAddress] = useState<string | null>(null);
  const [lost, setLost] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    let made = "";
    blob(path, stop.signal)
      .then((data) => {
        made = URL.createObjectURL(data);
        setAddress(made);
      })
      .catch(() => setLost(!stop.signal.aborted));
    return () => {
      stop.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path]);
  if (lost) return <div className="picture lost">{name} cannot be shown</div>;
  return address ? <img className="picture" src={address} alt={name} /> : <div className="picture waiting" />;
}
