/*
 * base/file.h: files, whole and safe.
 */
#ifndef TU_BASE_FILE_H
#define TU_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>

/* Reads at most limit bytes; more is TU_EINVALID. Regular files and pipes only. */
tu_rc tu_file_read(const char *path, size_t limit, tu_buf *ret, tu_error **error);
/* Writes beside the file, syncs, renames over it: a reader sees the old bytes or the new ones. */
tu_rc tu_file_write(const char *path, tu_str bytes, uint32_t mode, tu_error **error);
tu_rc tu_mkdirs(const char *path, uint32_t mode, tu_error **error);
bool tu_file_exists(const char *path);
/* Takes an exclusive lock for the life of the process. TU_ECONFLICT when another process holds it;
 * its pid stands in the message. The descriptor is returned. */
tu_rc tu_file_lock(const char *path, int *ret_fd, tu_error **error);
/* "a/b" + "c" -> malloc'd "a/b/c"; an absolute second part wins. */
char *tu_path_join(const char *a, const char *b);
/* Is it relative, without "." and ".." steps, without NUL, control characters and empty steps? */
bool tu_path_is_clean(tu_str path);

#endif
