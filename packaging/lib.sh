# shellcheck shell=bash
# Shared by build, run and test; sourced, never run. Sets root, the checkout's folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

# as_root runs a command with the rights that installing needs.
as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# install_packages installs those of the named Debian packages that are missing.
install_packages() {
	local package missing=()
	for package; do
		[[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ?i* ]] || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	if ! command -v apt-get >/dev/null; then
		say "Please install these first, under the names your system has for them: ${missing[*]}"
		return 1
	fi
	say "Installing ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}"
}

# need_go finds the Go toolchain, also where its own installer puts it.
need_go() {
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null && return
	say "Go is missing. Cordboard needs $(sed -n 's/^go //p' "$root/go.mod") or newer, from https://go.dev/dl/."
	return 1
}

# need_cgo gets a C compiler, which the machine's sound needs. Without one, or where CGO_ENABLED is 0 already, builds have no sound.
need_cgo() {
	export CGO_ENABLED=${CGO_ENABLED-1}
	[[ $CGO_ENABLED == 1 ]] || return 0
	compiles_c stdlib.h || install_packages gcc libc6-dev || true
	compiles_c stdlib.h && return
	say "There is no C compiler: Cordboard is built without the sound of this machine."
	CGO_ENABLED=0
}

# need_speex gets the library that cancels echo; it fails where builds do without.
need_speex() {
	[[ $CGO_ENABLED == 1 ]] || return
	compiles_c speex/speex_echo.h || install_packages libspeexdsp-dev || true
	compiles_c speex/speex_echo.h && return
	say "There is no libspeexdsp: Cordboard is built without echo cancellation."
	return 1
}

# need_opus gets the library that encodes and decodes Opus; it fails where builds do it in Go.
need_opus() {
	[[ $CGO_ENABLED == 1 ]] || return
	compiles_c opus/opus.h || install_packages libopus-dev || true
	compiles_c opus/opus.h && return
	say "There is no libopus: Cordboard has Opus in Go, which takes more of the processor."
	return 1
}

# need_window gets what the window is built with; it fails where builds do without.
need_window() {
	[[ $CGO_ENABLED == 1 ]] || return
	has_window_headers || install_packages pkg-config libgl1-mesa-dev libx11-dev libxcursor-dev libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev || true
	has_window_headers && quicken_cgo && return
	say "OpenGL or X11 can't be built for here: Cordboard is built without its window."
	return 1
}

has_window_headers() {
	command -v pkg-config >/dev/null && pkg-config gl x11 xcursor xrandr xinerama xi xxf86vm
}

# quicken_cgo lets cgo be done with OpenGL in seconds instead of minutes, with the same result. To learn what a name is, cgo gives
# gcc a line for each that uses the unknown __cgo_undefined__2, and every time gcc looks among all of OpenGL's thousands of names for
# one that was meant. For an unknown name of the C library it doesn't look.
quicken_cgo() {
	CGO_CFLAGS=$(go env CGO_CFLAGS) || return
	[[ $CGO_CFLAGS == *__cgo_undefined__2* ]] || CGO_CFLAGS+=" -D__cgo_undefined__2=fopen"
	export CGO_CFLAGS
}

# compiles_c tells whether there is a C compiler, and a header.
compiles_c() { echo "#include <$1>" | "${CC:-gcc}" -x c -c -o /dev/null - 2>/dev/null; }

# notices prints the licences of all that is in a program, which ask to be passed on with it: of Go and the modules, and of the
# named Debian packages that are linked into it.
notices() (
	cd "$root" || exit
	local program=$1 package module version folder
	shift
	heading() { printf '\n==== %s\n\n' "$1"; }
	echo "This program contains the following, each under its own licence."
	for package; do
		heading "$package"
		cat "/usr/share/doc/$package/copyright" || say "The notice lacks the licence of $package: add it before you pass the program on."
	done
	heading "Go"
	cat "$(go env GOROOT)/LICENSE"
	while read -r module version; do
		heading "$module $version"
		folder=$(go list -m -f '{{.Dir}}' "$module")
		find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) -print0 | sort -z | xargs -0r cat | grep '' ||
			cat "$folder"/README* # some have it there
	done < <(go version -m "$program" | awk '$1 == "dep" { print $2, $3 }')
	heading "The calling page"
	cat assets/web/dist/licences.txt
)

# need_node leaves a Node.js that is already there alone, whatever package it came with.
need_node() {
	command -v node >/dev/null || install_packages nodejs
	command -v npm >/dev/null || install_packages npm
}

# hash_of prints one hash over the names and contents of the files listed, NUL-separated, on standard input.
hash_of() { sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1; }

# build_page bundles assets/web, with the icons beside it, into assets/web/dist, unless nothing changed since the last time.
build_page() (
	cd "$root/assets/web" || exit
	[[ -f package-lock.json ]] || { say "build page: assets/web/package-lock.json is missing"; exit 1; }
	local modules inputs
	modules=$(printf '%s\0' package.json package-lock.json | hash_of)
	inputs=$(find . ../icons \( -name node_modules -o -path ./dist \) -prune -o -type f -print0 | hash_of)
	if [[ $(cat node_modules/.cordboard 2>/dev/null) != "$modules" ]]; then
		need_node
		npm ci --no-audit --no-fund --loglevel=error
		echo "$modules" >node_modules/.cordboard
	fi
	[[ -f dist/index.html && $(cat "$root/build/page" 2>/dev/null) == "$inputs" ]] && exit
	need_node
	node build.mjs
	mkdir -p "$root/build"
	echo "$inputs" >"$root/build/page"
)
