#!/bin/sh
# Offers a login on each console of the kernel's command line.
#
# INSECURE=true gives a shell of root without a password. Otherwise the file
# etc/getty.shadow of the root filesystem holds the passwords; without it
# nobody can log in.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

shadow=/hostroot/etc/getty.shadow
if [ -f "$shadow" ]; then
	{ cat "$shadow"; echo; } > /etc/shadow
fi

# A login ends or fails; the next one waits a second, so that a console that
# cannot be opened does not keep a processor busy.
offer() {
	tty=$1 speed=$2 term=$3
	login=
	if [ "$INSECURE" = true ] || [ "$INITGETTY" = true ]; then
		login="-n -l /usr/bin/autologin"
	fi
	while :; do
		setsid getty -L $login "$speed" "$tty" $term
		sleep 1
	done
}

seen=
for word in $(cat /proc/cmdline); do
	case "$word" in
	console=*) ;;
	*) continue ;;
	esac
	tty=${word#console=}
	options=
	case "$tty" in
	*,*) options=${tty#*,} tty=${tty%%,*} ;;
	esac
	case " $seen " in
	*" $tty "*) continue ;;
	esac
	seen="$seen $tty"
	if ! [ -c "/dev/$tty" ]; then
		echo "getty: /dev/$tty is not a console of this system" >&2
		continue
	fi

	# The speed is the number that options such as 115200n8 begin with.
	speed=${options%%[!0-9]*}
	term=linux
	case "$tty" in
	ttyS* | ttyAMA* | ttyUSB* | ttyMFD* | hvc*) speed=${speed:-115200} term=vt100 ;;
	tty[0-9]*) speed=38400 ;;
	*) speed=${speed:-115200} ;;
	esac
	grep -q "^$tty\$" /etc/securetty || echo "getty: $tty is not in /etc/securetty, root cannot log in there" > "/dev/$tty"
	offer "$tty" "$speed" "$term" &
done

# As an init script getty goes to the background, as a service it stays.
[ "$INITGETTY" = true ] || wait
