#include "base/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/strings.h"

namespace wrenn::base {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::kInvalidArgument, concat("it is no program for x86-64: ", what));
}

}  // namespace

Result<ElfFacts> parse_elf(std::string_view head) {
  Elf64_Ehdr header{};
  // First what it is: a script is short, too.
  if (!head.starts_with(std::string_view(ELFMAG, SELFMAG))) {
    return wrong("it is not of the form ELF");
  }
  if (head.size() < sizeof header) return wrong("it is too short");
  std::memcpy(&header, head.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return wrong("it is for another processor");
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return wrong("it cannot be run");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0) {
    return wrong("it has no segments");
  }
  const std::uint64_t bytes = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > head.size() || bytes > head.size() - header.e_phoff) {
    return wrong("its segments are not where they should be");
  }
  ElfFacts facts{.is_static = true};
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, head.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_INTERP) facts.is_static = false;
  }
  return facts;
}

Result<ElfFacts> read_elf(const Path& path) {
  constexpr std::size_t kHeadBytes = 4096;
  WRENN_TRY_ASSIGN(const Fd file, open_file(path, O_RDONLY));
  std::string head(kHeadBytes, '\0');
  const ssize_t n = ::pread(file.get(), head.data(), head.size(), 0);
  if (n < 0) return fail_errno(errno, concat("cannot read ", path.native()));
  head.resize(static_cast<std::size_t>(n));
  auto facts = parse_elf(head);
  if (!facts) return fail(std::move(facts).error().with_context(path.native()));
  return facts;
}

}  // namespace wrenn::base
