// Structured log lines: an event in few words and fields. Sinks write text, JSON or the journal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace angarium::log {

enum class Level { error, warning, notice, info, debug };

/// A named value; the value is escaped by the sink, so octets from the wire may be passed as they are. Never a secret.
struct Field {
  std::string_view name;
  std::string value;
  Field(std::string_view field, std::string_view text) : name(field), value(text) {}
  Field(std::string_view field, std::string text) : name(field), value(std::move(text)) {}
  Field(std::string_view field, const char* text) : name(field), value(text) {}
  Field(std::string_view field, std::uint64_t number) : name(field), value(std::to_string(number)) {}
  Field(std::string_view field, int number) : name(field), value(std::to_string(number)) {}
};

/// Where lines go. Called from any thread.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(Level level, std::string_view room, std::string_view event, const Field* fields,
                     std::size_t count) = 0;
  /// Writes the lines of this thread that were held back.
  virtual void flush() {}
};

enum class Format { text, json, journal };
/// A sink on a file descriptor it does not own, in the given format; whole lines, one write each unless held back.
std::unique_ptr<Sink> make_sink(int descriptor, Format format);

/// Replaces the process's sink (null: no log) and the most talkative level that is written. Call before threads start.
void configure(std::unique_ptr<Sink> sink, Level most);
bool enabled(Level level);
void write(Level level, std::string_view room, std::string_view event, std::initializer_list<Field> fields = {});

/// While one lives, lines of this thread from notice down are held back and written together by write_now(), which a
/// loop calls before it waits. A line from warning up goes out at once, after those before it. One a thread.
class Held {
 public:
  Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held();
  void write_now();
};

inline void error(std::string_view room, std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, room, event, fields);
}
inline void warning(std::string_view room, std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warning, room, event, fields);
}
inline void notice(std::string_view room, std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::notice, room, event, fields);
}
inline void info(std::string_view room, std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, room, event, fields);
}

}  // namespace angarium::log
