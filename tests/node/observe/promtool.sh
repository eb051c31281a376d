#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: promtool.sh METRICS_PAGE PROMTOOL - pipes the page through `promtool check metrics`.
# 77 (skipped) without promtool, which is in Debian's package prometheus: unpack it, because to
# install it starts a service.
case "$2" in
    '' | *-NOTFOUND)
        echo "skipped: no promtool. To have it: apt-get download prometheus,"
        echo "dpkg -x prometheus_*.deb DIR, and put DIR/usr/bin into PATH"
        exit 77
        ;;
esac
page=$("$1") || exit 1
printf '%s\n' "$page" | "$2" check metrics
