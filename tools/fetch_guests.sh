#!/bin/sh
# Download unmodified guest kernels as Debian packages and unpack their images:
#   fetch_guests.sh DIR NAME...      NAME: cloud generic rt memtest86+ grub-pvh xen
# gives DIR/cloud/vmlinuz (linux-image-cloud-amd64) and DIR/cloud/modules/ with its drivers for virtio,
# DIR/generic/vmlinuz, DIR/rt/vmlinuz, DIR/memtest86+/memtest86+x64.bin, DIR/grub-pvh/grub-i386-xen_pvh.bin
# (grub-xen-host), DIR/xen/xen (xen-hypervisor-4.17-amd64, as multiboot takes it), and the package's name in
# DIR/NAME/package.
# Nothing is installed, root is not needed, and what is there is kept.  apt checks the
# packages' signatures and sums.
set -eu

[ $# -ge 2 ] || { sed -n '2,9s/^# *//p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift

fail() {
    echo "fetch_guests: $*" >&2
    exit 1
}

# The versioned package that a kernel's meta package depends on today.
resolve() {
    apt-cache depends --important "$1" 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

# What a guest needs for virtio devices on PCI; tools/mkinitramfs.py finds out who needs whom.
modules='virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev virtio_blk virtio_net
net_failover failover virtio_console virtio-rng'

# unpack_modules DIR: those of the package there, to DIR/modules.
unpack_modules() {
    mkdir "$1/modules"
    dpkg-deb --fsys-tarfile "$1"/*.deb | tar -x -C "$1" --wildcards './lib/modules/*/kernel'
    for module in $modules; do
        find "$1/lib" -name "$module.ko" -exec mv '{}' "$1/modules" ';'
        [ -s "$1/modules/$module.ko" ] || fail "the kernel's package has no module $module"
    done
}

# fetch NAME PACKAGE FILE-IN-PACKAGE RESULT; FILE.gz is unpacked.
fetch() {
    work=$dir/$1.part
    rm -rf "$work"
    mkdir -p "$work"
    echo "  GET  $2"
    (cd "$work" && apt-get download -qq "$2" 2>"$work/apt.log") || {
        cat "$work/apt.log" >&2
        fail "cannot download $2; is there a network?  Stale lists: run 'apt-get update' as root"
    }
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards "$3"
    # shellcheck disable=SC2086 # the pattern names exactly one file
    case $3 in
    *.gz) gzip -dc "$work"/$3 >"$work/$4" ;;
    *) mv "$work"/$3 "$work/$4" ;;
    esac
    [ "$1" != cloud ] || unpack_modules "$work"
    echo "$2" >"$work/package"
    rm -rf "$work"/*.deb "${work:?}/boot" "${work:?}/lib" "${work:?}/usr" "$work/apt.log"
    rm -rf "${dir:?}/$1"
    mv "$work" "$dir/$1"
}

for name; do
    case $name in
    cloud | rt) meta=linux-image-$name-amd64 image=vmlinuz ;;
    generic) meta=linux-image-amd64 image=vmlinuz ;;
    memtest86+) meta=memtest86+ image=memtest86+x64.bin file=boot/$image ;;
    grub-pvh) meta=grub-xen-host image=grub-i386-xen_pvh.bin file=usr/lib/grub-xen/$image ;;
    xen) meta=xen-hypervisor-4.17-amd64 image=xen file='boot/xen-*.gz' ;;
    *) fail "no guest is called '$name' (cloud, generic, rt, memtest86+, grub-pvh, xen)" ;;
    esac
    if [ -s "$dir/$name/$image" ]; then
        [ "$name" = cloud ] && [ ! -d "$dir/cloud/modules" ] || continue # fetched before there were any
    fi
    if [ "$image" = vmlinuz ]; then
        package=$(resolve "$meta")
        [ -n "$package" ] || fail "apt does not know $meta; run 'apt-get update' as root"
        fetch "$name" "$package" './boot/vmlinuz-*' vmlinuz
    else
        fetch "$name" "$meta" "./$file" "$image"
    fi
done
