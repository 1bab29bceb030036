// Starts the page.
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/pages.css";
import "./style/viewers.css";
import { createRoot } from "react-dom/client";
import { takeToken } from "./api/client";
import { App } from "./app/App";
import { applyTheme } from "./app/theme";
import { start } from "./app/store";

takeToken();
applyTheme();
void start();
createRoot(document.getElementById("root")!).render(<App />);
