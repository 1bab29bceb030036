// A slider with its name and value.
interface Props {
  label: string;
  value: number;
  low: number;
  high: number;
  step?: number;
  shown?: string;
  change: (value: number) => void;
}

export function Slider({ label, value, low, high, step = 1, shown, change }: Props) {
  return (
    <label className="slider">
      <span>{label}</span>
      <input type="range" min={low} max={high} step={step} value={value} onChange={(event) => change(Number(event.target.value))} />
      <output>{shown ?? value}</output>
    </label>
  );
}
