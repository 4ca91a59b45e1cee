// Bundles the clients for the browser: node build.mjs FOLDER
import { build } from "esbuild";
import { copyFile } from "node:fs/promises";

const folder = process.argv[2];
await build({ entryPoints: ["clients.js"], bundle: true, format: "iife", outfile: `${folder}/clients.js`, logLevel: "warning", define: { global: "window" } });
await copyFile("index.html", `${folder}/index.html`);
