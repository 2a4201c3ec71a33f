#!/usr/bin/env bash
# Run the image that build_image.sh has built as SECURITY.md says that it can run: root read-only, numeric user, no
# capabilities, nothing but a tmpfs to write to. Fails unless it answers, and leaves no upload behind.
set -euo pipefail
store=${CTR_ROOT:-${TMPDIR:-/tmp}/gyrus-image-store}
export BUILDAH_ISOLATION=chroot
b() { buildah --storage-driver "${DRV:-overlay}" --root "$store/${DRV:-overlay}" --runroot "$store/run-${DRV:-overlay}" "$@"; }
c=$(b from --pull-never localhost/ci-dockerfile:test)
trap 'b rm "$c" >/dev/null' EXIT
unshare --net --pid --mount --fork --kill-child --mount-proc bash -euo pipefail -s "$(b mount "$c")" <<'INSIDE'
root=$1
ip link set lo up
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mount -t tmpfs -o size=1200m,mode=1777,noexec,nosuid,nodev none "$root/tmp"
mount -t tmpfs -o mode=755 none "$root/dev"
for device in null zero urandom random; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mount -t proc none "$root/proc"
inside() {
  env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 GRADIO_ANALYTICS_ENABLED=False \
    GYRUS_HOST=0.0.0.0 GYRUS_PORT=7860 /usr/sbin/chroot --userspec=10001:10001 --groups= "$root" \
    /usr/bin/setpriv --no-new-privs --bounding-set=-all --inh-caps=-all /bin/sh -c "cd /app && exec $1"
}
uploads() { find "$root/tmp" -name '*.png' | wc -l; }
if inside 'touch /app/x' 2>/dev/null; then echo "the root can be written to"; exit 1; fi
inside 'python app.py' &
for _ in $(seq 300); do curl -sf http://127.0.0.1:7860/readyz && break; sleep 1; done
picture=$root/app/models/brain_tumor/examples/mni152_axial_14mm.png
curl -sf -F "file=@$picture" http://127.0.0.1:7860/api/classify | grep -o '"label":"[^"]*"'
path=$(curl -sf -F "files=@$picture" http://127.0.0.1:7860/gradio_api/upload | tr -d '[]')
[ "$(uploads)" = 1 ]
curl -sf -H 'Content-Type: application/json' http://127.0.0.1:7860/gradio_api/run/classify -o /dev/null \
  -d "{\"data\":[{\"path\":$path,\"meta\":{\"_type\":\"gradio.FileData\"}},\"brain_tumor\",1]}"
[ "$(uploads)" = 0 ]
echo "answers with a read-only root, no capabilities and no upload left"
INSIDE
