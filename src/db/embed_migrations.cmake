# cmake -DOUTPUT=file.cc -DDIRECTORY=migrations -P embed_migrations.cmake
file(GLOB files ${DIRECTORY}/*.sql)
list(SORT files)
set(entries "")
set(expected 1)
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: a migration is called NNNN_what_it_does.sql")
  endif()
  string(REGEX REPLACE "^0*([0-9]+)$" "\\1" number ${CMAKE_MATCH_1})
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${file}: migration ${expected} is missing, or its number is taken twice")
  endif()
  math(EXPR expected "${expected} + 1")
  file(READ ${file} sql)
  if(sql MATCHES "\\)wrenn_sql\"")
    message(FATAL_ERROR "${file}: contains the end mark of the C++ literal it becomes")
  endif()
  string(APPEND entries "    {${number}, \"${name}\", R\"wrenn_sql(${sql})wrenn_sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from src/db/migrations.
#include <array>

#include \"db/migrations.h\"

namespace wrenn::db {

std::span<const Migration> embedded_migrations() {
  static constexpr auto kMigrations = std::to_array<Migration>({
${entries}  });
  return kMigrations;
}

}  // namespace wrenn::db
")
