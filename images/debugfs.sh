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

# debugfs_do DIRECTORY MODE COMMAND...: on the copy, where MODE is -w or empty. Its status says nothing, so what was done has to be
# looked at afterwards. Prints what debugfs prints.
debugfs_do() {
  local directory=$1 mode=$2
  shift 2
  printf '%s\n' "$@" >"$directory/commands"
  chmod 0644 "$directory/commands"
  "$images_dir/confined.sh" "$directory" debugfs ${mode:+"$mode"} -f commands image 2>&1
}

# replace_programs DIRECTORY (FILE PATH)...: puts files into the copy, of root and executable, in place of whatever has their names.
# The directories must be there. Afterwards they are read back and compared.
replace_programs() {
  local directory=$1 writes=() reads=() number
  shift
  for ((number = 0; $# > 0; ++number)); do
    local path=$2 name=$(basename -- "$2")
    install -m 0755 -- "$1" "$directory/new-$number"
    install -m 0600 -o "$confined_uid" /dev/null "$directory/back-$number"
    writes+=("cd $(dirname -- "$path")" "rm $name" "write new-$number $name" "set_inode_field $name mode 0100755"
      "set_inode_field $name uid 0" "set_inode_field $name gid 0")
    reads+=("stat $path" "dump $path back-$number")
    shift 2
  done
  debugfs_do "$directory" -w "${writes[@]}" >"$directory/debugfs.log"
  debugfs_do "$directory" '' "${reads[@]}" >"$directory/read.log"
  for ((; number-- > 0; )); do
    cmp -s -- "$directory/new-$number" "$directory/back-$number" && continue
    cat -- "$directory/debugfs.log" >&2
    fail "the programs could not be put into the image"
  done
  [ "$(grep -c 'Type: regular    Mode:  0755 ' "$directory/read.log")" -eq $((${#reads[@]} / 2)) ] ||
    fail "what was put into the image is no program there"
}

# check_file_system DIRECTORY IMAGE WORK: changes nothing; IMAGE is a file in DIRECTORY that the confined user may read.
check_file_system() {
  "$images_dir/confined.sh" "$1" e2fsck -fn "$2" >"$3/e2fsck.log" 2>&1 && return
  tail -n 20 -- "$3/e2fsck.log" >&2
  return 1
}
