# MuPDF's embedded fonts, 40 MB, are linked as writable data: whoever takes a renderer over could write them, and each
# clone of the zygote would copy page tables for them. This makes a copy of the library in which they are constants.
#
#   read_only_fonts(RESULT LIBRARY)   puts into RESULT the name of the copy, made at build time.
#
# The same file is the script that does it: cmake -DIN=… -DOUT=… -DAR=… -DOBJCOPY=… -P ReadOnlyFonts.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  function(run)
    execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${OUT}.members COMMAND_ERROR_IS_FATAL ANY)
  endfunction()
  execute_process(COMMAND ${AR} t ${IN} OUTPUT_VARIABLE members COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+\\.(ttf|ttc|otf|cff)\\.o" fonts "${members}")
  file(REMOVE_RECURSE ${OUT}.members)
  file(MAKE_DIRECTORY ${OUT}.members)
  file(COPY_FILE ${IN} ${OUT}.part)
  if(fonts)
    run(${AR} x ${IN} ${fonts})
    foreach(font IN LISTS fonts)
      run(${OBJCOPY} --rename-section .data=.rodata,alloc,load,readonly,data,contents ${font})
    endforeach()
    run(${AR} r ${OUT}.part ${fonts})
  endif()
  file(REMOVE_RECURSE ${OUT}.members)
  file(RENAME ${OUT}.part ${OUT})
  return()
endif()

set(READ_ONLY_FONTS_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(read_only_fonts result library)
  set(out ${PROJECT_BINARY_DIR}/libmupdf-read-only-fonts.a)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${library} -DOUT=${out} -DAR=${CMAKE_AR} -DOBJCOPY=${CMAKE_OBJCOPY}
            -P ${READ_ONLY_FONTS_SCRIPT}
    DEPENDS ${library} ${READ_ONLY_FONTS_SCRIPT}
    COMMENT "Making the embedded fonts read-only"
    VERBATIM)
  add_custom_target(mupdf_fonts DEPENDS ${out})
  set(${result} ${out} PARENT_SCOPE)
endfunction()
