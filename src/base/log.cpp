#include "base/log.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>

#include "base/text.h"
#include "base/time.h"

namespace angarium::log {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"error", "warning", "notice", "info", "debug"};
// Priorities of syslog(3), which journald reads as "<N>" at the start of a line (sd-daemon(3)).
constexpr std::array<char, 5> kPriorities = {'3', '4', '5', '6', '7'};
constexpr std::size_t kFieldMax = 1024;
constexpr std::size_t kHeldMax = 16u << 10;  // octets of lines a thread holds back

/// A thread's lines that are not written yet.
struct Lines {
  std::string text;
  bool held = false;
};
thread_local Lines lines;

void append_timestamp(std::string& out) {
  // The same second comes many times.
  thread_local std::int64_t second = INT64_MIN;
  thread_local std::string up_to_second;
  const WallTime now = system_clock().wall();
  if (now.seconds() != second) {
    second = now.seconds();
    up_to_second = to_rfc3339(WallTime::from_seconds(second)).substr(0, 19);
  }
  std::array<char, 9> fraction = {'.', '0', '0', '0', '0', '0', '0', 'Z', '\0'};
  auto left = static_cast<std::uint32_t>(now.microseconds - second * 1'000'000);
  for (std::size_t at = 6; left > 0; --at, left /= 10) fraction[at] = static_cast<char>('0' + left % 10);
  out += up_to_second;
  out.append(fraction.data(), 8);
}

bool plain(std::string_view octets) {
  return octets.size() <= kFieldMax &&
         std::ranges::all_of(octets, [](char c) { return c >= ' ' && c < 0x7F && c != '\\'; });
}

/// Written through `quote`, a backslash goes before each of these characters.
void append_escaped(std::string& out, std::string_view octets, std::string_view quote) {
  const std::string escaped = plain(octets) ? std::string() : escape_controls(octets, kFieldMax);
  if (!escaped.empty()) octets = escaped;
  for (const char c : octets) {
    if (quote.contains(c)) out += '\\';
    out += c;
  }
}

/// JSON string: escape_controls leaves \xHH, which JSON does not know, so its backslash is doubled.
void append_json(std::string& out, std::string_view octets) {
  out += '"';
  append_escaped(out, octets, "\"\\");
  out += '"';
}

/// The value of a field in a line of text: in quotes where it would not read as one word.
void append_value(std::string& out, std::string_view value) {
  const bool quoted = value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
  if (quoted) out += '"';
  append_escaped(out, value, "\"");
  if (quoted) out += '"';
}

class DescriptorSink : public Sink {
 public:
  DescriptorSink(int descriptor, Format format) : descriptor_(descriptor), format_(format) {}

  void write(Level level, std::string_view room, std::string_view event, const Field* fields,
             std::size_t count) override {
    const std::span all(fields, count);
    if (format_ == Format::json) {
      append_json_line(level, room, event, all);
    } else {
      append_text_line(level, room, event, all);
    }
    if (!lines.held || level <= Level::warning || lines.text.size() >= kHeldMax) flush();
  }

  void flush() override {
    // A log that cannot be written must not stop the mail; there is nowhere to report it.
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, lines.text.data(), lines.text.size());
    lines.text.clear();
  }

 private:
  static void append_json_line(Level level, std::string_view room, std::string_view event,
                               std::span<const Field> fields) {
    std::string& line = lines.text;
    line += R"({"time":")";
    append_timestamp(line);
    line += R"(","level":")";
    line += kNames[static_cast<std::size_t>(level)];
    line += R"(","room":)";
    append_json(line, room);
    line += R"(,"event":)";
    append_json(line, event);
    for (const Field& field : fields) {
      line += ',';
      append_json(line, field.name);
      line += ':';
      append_json(line, field.value);
    }
    line += "}\n";
  }

  void append_text_line(Level level, std::string_view room, std::string_view event,
                        std::span<const Field> fields) const {
    std::string& line = lines.text;
    if (format_ == Format::journal) {
      line += {'<', kPriorities[static_cast<std::size_t>(level)], '>'};
    } else {
      append_timestamp(line);
      line += ' ';
      line += kNames[static_cast<std::size_t>(level)];
      line += ' ';
    }
    line += room;
    line += ": ";
    append_escaped(line, event, {});
    for (const Field& field : fields) {
      line += ' ';
      line += field.name;
      line += '=';
      append_value(line, field.value);
    }
    line += '\n';
  }

  int descriptor_;
  Format format_;
};

std::unique_ptr<Sink> current_sink;  // set before threads start, then only read
std::atomic<int> most_talkative{-1};

}  // namespace

std::unique_ptr<Sink> make_sink(int descriptor, Format format) {
  return std::make_unique<DescriptorSink>(descriptor, format);
}

void configure(std::unique_ptr<Sink> sink, Level most) {
  most_talkative = sink ? static_cast<int>(most) : -1;
  current_sink = std::move(sink);
}

bool enabled(Level level) { return static_cast<int>(level) <= most_talkative.load(std::memory_order_relaxed); }

void write(Level level, std::string_view room, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  current_sink->write(level, room, event, fields.begin(), fields.size());
}

Held::Held() { lines.held = true; }

Held::~Held() {
  write_now();
  lines.held = false;
}

void Held::write_now() {
  if (!lines.text.empty() && current_sink) current_sink->flush();
}

}  // namespace angarium::log
