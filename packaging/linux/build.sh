#!/usr/bin/env bash
# From PyInstaller's folder dist/gyrus: a portable archive and a Debian package, beside it in dist/.
set -euo pipefail
cd "$(dirname "$0")/../.."
dist=${1:-dist}
version=$("$dist/gyrus/gyrus" --version | cut -d' ' -f2)
machine=$(uname -m)

build_deb() {
  local architecture root
  architecture=$(dpkg --print-architecture)
  root=$dist/deb
  rm -rf "$root"
  mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib" "$root/usr/share/applications" "$root/usr/share/mime/packages" \
    "$root/usr/share/icons/hicolor/256x256/apps" "$root/usr/share/icons/hicolor/scalable/apps" "$root/usr/share/doc/gyrus"
  cp -a "$dist/gyrus" "$root/usr/lib/gyrus"
  ln -s ../lib/gyrus/gyrus "$root/usr/bin/gyrus"
  cp packaging/linux/gyrus.desktop "$root/usr/share/applications/"
  cp packaging/linux/gyrus.xml "$root/usr/share/mime/packages/"
  cp ui/desktop/assets/gyrus.png "$root/usr/share/icons/hicolor/256x256/apps/"
  cp ui/desktop/assets/gyrus.svg "$root/usr/share/icons/hicolor/scalable/apps/"
  cp packaging/linux/copyright "$root/usr/share/doc/gyrus/"
  cat > "$root/DEBIAN/control" << END
Package: gyrus
Version: $version
Architecture: $architecture
Maintainer: The Gyrus authors <gyrus@users.noreply.github.com>
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: libc6 (>= $(ldd --version | sed -n '1s/.* //p')), libxcb1
Recommends: fonts-dejavu-core, shared-mime-info
Section: science
Priority: optional
Description: classifies a slice of a brain MRI and says how sure it is
 Gyrus says glioma, meningioma, pituitary tumour or no tumour, where the
 evidence is, and when it had better not answer. Images stay on the computer.
 .
 A research and teaching tool, not a medical device.
END
  chmod -R u=rwX,go=rX "$root"
  dpkg-deb --root-owner-group --build "$root" "$dist/gyrus_${version}_$architecture.deb" > /dev/null
  rm -rf "$root"
}

if command -v dpkg-deb > /dev/null; then build_deb; else echo "dpkg-deb is not here: no Debian package"; fi
# xz: gzip takes 50 % more.
tar -C "$dist" --owner=0 --group=0 --numeric-owner --sort=name -c gyrus | xz -T0 -6 > "$dist/gyrus-$version-linux-$machine.tar.xz"
