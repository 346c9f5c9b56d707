# wrenn_proto(NAME file.proto...): the generated code of proto files, target wrenn_NAME.
function(wrenn_proto name)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/gen/proto)
  file(MAKE_DIRECTORY ${generated})
  set(sources)
  foreach(proto ${ARGN})
    get_filename_component(stem ${proto} NAME_WE)
    add_custom_command(
      OUTPUT ${generated}/${stem}.pb.cc ${generated}/${stem}.pb.h
      COMMAND protobuf::protoc --cpp_out=${generated} -I${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      VERBATIM)
    list(APPEND sources ${generated}/${stem}.pb.cc)
  endforeach()
  # Generated code does not meet our warnings, and nobody can mend it there.
  add_library(wrenn_${name} STATIC ${sources})
  target_include_directories(wrenn_${name} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR}/gen)
  target_link_libraries(wrenn_${name} PUBLIC protobuf::libprotobuf)
endfunction()
