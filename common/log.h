/* Lines for people on stderr. Whoever decides logs, once; helpers only return.
 *
 * Every line is one write(2), so that lines of several processes do not mix. Text that came from a document or a
 * renderer goes through text_escape (common/text.h) first. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* What is printed: this level and more urgent ones. LOG_WARNING at the start. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "name: " in front of each line; the string is borrowed. */
void log_set_name(const char *name);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)

#endif
