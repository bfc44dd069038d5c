#!/bin/sh
# Write an image to a USB stick:  [FORCE=1] usb.sh /dev/sdX IMAGE
# Refuses what is no whole removable disk, what is in use, and what is too small.  FORCE=1
# accepts a disk that does not call itself removable; nothing makes it write to a disk in use.
set -eu

device=${1:-} image=${2:-}

refuse() {
    echo "usb: $*" >&2
    exit 1
}

[ -n "$device" ] && [ -n "$image" ] || refuse "say which disk: make usb DEV=/dev/sdX
usb: the disks of this machine:
$(lsblk -d -n -o PATH,SIZE,TRAN,RM,MODEL -e 1,7 2>/dev/null)"
[ -f "$image" ] || refuse "there is no $image; run 'make' first"
[ -b "$device" ] || refuse "$device is no block device"

device=$(readlink -f "$device")
name=${device##*/}
system=/sys/class/block/$name
[ -d "$system" ] || refuse "the kernel does not know $device"
[ ! -e "$system/partition" ] || refuse "$device is a partition; name the whole disk"

# The disk itself, each partition, and what is stacked on them (swap, LVM, RAID, crypt).
for part in "$system" "$system/$name"*; do
    [ -d "$part" ] || continue
    node=/dev/${part##*/}
    mounted=$(lsblk -n -o MOUNTPOINTS "$node" 2>/dev/null | grep . | head -n 1) || :
    [ -z "$mounted" ] || refuse "$node is in use ($mounted); unmount it first"
    ! grep -q "^$node " /proc/mounts /proc/swaps || refuse "$node is in use; unmount it first"
    [ -z "$(ls "$part/holders" 2>/dev/null)" ] || refuse "$node is part of another device"
done

model=$(cat "$system/device/model" 2>/dev/null || echo "unknown model")
bytes=$(($(cat "$system/size") * 512))
needed=$(stat -c %s "$image")
[ "$bytes" -ge "$needed" ] ||
    refuse "$device has $((bytes / 1000000)) MB, the image needs $((needed / 1000000)) MB"

usb=no
case $(readlink -f "$system/device" 2>/dev/null) in */usb[0-9]*) usb=yes ;; esac
if [ "$(cat "$system/removable")" != 1 ] && [ $usb = no ] && [ "${FORCE:-}" != 1 ]; then
    refuse "$device ($model) is not removable; FORCE=1 if you are sure"
fi
[ "$(cat "$system/ro")" = 0 ] || refuse "$device is write-protected"

echo "usb: $device: $model, $((bytes / 1000000)) MB.  Everything on it will be lost."
if [ -t 0 ]; then
    printf 'usb: write %s to it?  Type yes: ' "$image"
    read -r answer
    [ "$answer" = yes ] || refuse "nothing was written"
elif [ "${FORCE:-}" != 1 ]; then
    refuse "no terminal to ask; FORCE=1 writes without asking"
fi
[ -w "$device" ] || refuse "you may not write to $device; run this as root"

dd if="$image" of="$device" bs=4M conv=fsync oflag=direct status=none
echo "usb: done; $device may be removed"
