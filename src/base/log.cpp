#include "base/log.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "base/text.h"
#include "base/time.h"

namespace angarium::log {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"error", "warning", "notice", "info", "debug"};
// Priorities of syslog(3), which journald reads as "<N>" at the start of a line (sd-daemon(3)).
constexpr std::array<char, 5> kPriorities = {'3', '4', '5', '6', '7'};
constexpr std::size_t kFieldMax = 1024;

std::string timestamp() { return to_rfc3339(system_clock().wall()); }

/// JSON string body: escape_controls leaves \xHH, which JSON does not know, so its backslash is doubled.
std::string json_text(std::string_view octets) {
  std::string result = "\"";
  for (char c : escape_controls(octets, kFieldMax)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

class DescriptorSink : public Sink {
 public:
  DescriptorSink(int descriptor, Format format) : descriptor_(descriptor), format_(format) {}

  void write(Level level, std::string_view room, std::string_view event, const Field* fields,
             std::size_t count) override {
    const auto index = static_cast<std::size_t>(level);
    std::string line;
    if (format_ == Format::json) {
      line = "{\"time\":\"" + timestamp() + "\",\"level\":\"" + std::string(kNames[index]) +
             "\",\"room\":" + json_text(room) + ",\"event\":" + json_text(event);
      for (std::size_t i = 0; i < count; ++i)
        line += "," + json_text(fields[i].name) + ":" + json_text(fields[i].value);
      line += "}\n";
    } else {
      if (format_ == Format::journal) {
        line = {'<', kPriorities[index], '>'};
      } else {
        line = timestamp() + " " + std::string(kNames[index]) + " ";
      }
      line += std::string(room) + ": " + escape_controls(event, kFieldMax);
      for (std::size_t i = 0; i < count; ++i) {
        const std::string value = escape_controls(fields[i].value, kFieldMax);
        const bool quoted = value.empty() || value.find_first_of(" \"=") != std::string::npos;
        line += " " + std::string(fields[i].name) + "=";
        if (quoted) line += '"';
        for (char c : value) {
          if (c == '"') line += '\\';
          line += c;
        }
        if (quoted) line += '"';
      }
      line += '\n';
    }
    // A log that cannot be written must not stop the mail; there is nowhere to report it.
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
  }

 private:
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

}  // namespace angarium::log
