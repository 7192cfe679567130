# Files that become part of a program, as C arrays.
#
#   embed_file(RESULT FILE SYMBOL)   puts into RESULT the name of a generated C file with
#                                    const char SYMBOL[], terminated; made again when FILE changes.
#
# The same file is the script that does it: cmake -DIN=… -DOUT=… -DSYMBOL=… -P Embed.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${IN} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n    " bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
  string(REGEX REPLACE " +\n" "\n" bytes "${bytes}")
  get_filename_component(name ${IN} NAME)
  file(WRITE ${OUT}
    "/* Made from ${name}. */\nextern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] = {\n    ${bytes}0};\n")
  return()
endif()

set(EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(embed_file result file symbol)
  get_filename_component(in ${file} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${in} -DOUT=${out} -DSYMBOL=${symbol} -P ${EMBED_SCRIPT}
    DEPENDS ${in} ${EMBED_SCRIPT}
    VERBATIM)
  set(${result} ${out} PARENT_SCOPE)
endfunction()
