# Sourced by who changes files inside the image of a file system that may have been made by anybody. Not to be run on its own.
#
# Nothing is mounted. e2fsprogs reads and writes the image, confined: it is given one directory, which it may write to.

# What confined.sh runs programs as.
confined_uid=1880096752

# confined_copy IMAGE DIRECTORY: makes DIRECTORY/image, a copy that shares what it can with the image, for the confined user.
confined_copy() {
  cp --reflink=auto --sparse=always -- "$1" "$2/image"
  chown "$confined_uid" "$2/image"
  chmod 0600 "$2/image"
}

# debugfs_do DIRECTORY COMMAND...: on the copy. Its status says nothing, so what was done has to be looked at afterwards.
debugfs_do() {
  local directory=$1
  shift
  printf '%s\n' "$@" >"$directory/commands"
  chmod 0644 "$directory/commands"
  "$images_dir/confined.sh" "$directory" debugfs -w -f commands image >"$directory/debugfs.log" 2>&1
}

# replace_program DIRECTORY FILE PATH: puts FILE into the copy, of root and executable, in place of whatever has its name.
# Parents must be there. Afterwards it is read back and compared.
replace_program() {
  local directory=$1 file=$2 path=$3
  install -m 0755 -- "$file" "$directory/new"
  debugfs_do "$directory" "cd $(dirname -- "$path")" "rm $(basename -- "$path")" "write new $(basename -- "$path")" \
    "set_inode_field $(basename -- "$path") mode 0100755" "set_inode_field $(basename -- "$path") uid 0" \
    "set_inode_field $(basename -- "$path") gid 0"
  rm -f -- "$directory/back"
  install -m 0600 -o "$confined_uid" /dev/null "$directory/back"
  "$images_dir/confined.sh" "$directory" debugfs -R "dump $path back" image >>"$directory/debugfs.log" 2>&1
  cmp -s -- "$directory/new" "$directory/back" ||
    { cat -- "$directory/debugfs.log" >&2; fail "$path could not be put into the image"; }
  "$images_dir/confined.sh" "$directory" debugfs -R "stat $path" image 2>/dev/null | grep -q 'Type: regular    Mode:  0755' ||
    fail "$path in the image is no program"
}

# check_file_system DIRECTORY: the copy, changing nothing.
check_file_system() {
  "$images_dir/confined.sh" "$1" e2fsck -fn image >"$1/e2fsck.log" 2>&1 && return
  tail -n 20 -- "$1/e2fsck.log" >&2
  return 1
}
