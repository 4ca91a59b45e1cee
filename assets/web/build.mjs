// build.mjs – bundles the page into dist: index.html with the icons in it, one script, one style sheet.
import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url)); // import.meta.dirname came after Debian 12's Node.js
const icons = join(here, "..", "icons");
const dist = join(here, "dist");

/** All icons as one hidden drawing; the page shows one with <use href="#icon-name">. */
async function sprite() {
  const symbols = [];
  for (const name of (await readdir(icons)).sort()) {
    if (!name.endsWith(".svg")) continue;
    const drawing = (await readFile(join(icons, name), "utf8")).replace(/^[^]*?<svg[^>]*>|<\/svg>\s*$/g, "").trim();
    symbols.push(`<symbol id="icon-${name.slice(0, -4)}" viewBox="0 0 24 24">${drawing}</symbol>`);
  }
  return `<svg class="sprite" aria-hidden="true">${symbols.join("")}</svg>`;
}

/** The licences of all packages in the bundle, which ask to be passed on with it. */
async function licences(inputs) {
  const packages = new Set();
  for (const input of Object.keys(inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const texts = [];
  for (const folder of [...packages].sort()) {
    const { name, version } = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const file = (await readdir(join(here, folder))).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`collect licences: ${name} has none`);
    texts.push(`${name} ${version}\n\n${(await readFile(join(here, folder, file), "utf8")).trim()}\n`);
  }
  return `The calling page contains these packages.\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}

for (const old of await readdir(dist).catch(() => [])) {
  if (old !== ".gitkeep") await rm(join(dist, old), { recursive: true });
}
await mkdir(dist, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { cordboard: "main.js", style: "css/style.css" },
  outdir: dist,
  bundle: true,
  minify: true,
  sourcemap: false,
  format: "esm",
  platform: "browser",
  target: ["chrome111", "firefox115", "safari16.4"],
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const page = await readFile(join(here, "index.html"), "utf8");
await writeFile(join(dist, "index.html"), page.replace("<!-- icons -->", await sprite()));
await writeFile(join(dist, "licences.txt"), await licences(metafile.inputs));
for (const file of ["icon.svg", "manifest.webmanifest"]) await copyFile(join(here, file), join(dist, file));
