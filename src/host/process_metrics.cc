#include "host/process_metrics.hh"

#include "io/process.hh"

namespace polis::host {

void report_process(MetricSink& out) {
  const io::ProcessNumbers numbers = io::process_numbers();
  out.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
              numbers.processor_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
            static_cast<double>(numbers.resident_bytes));
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
            static_cast<double>(numbers.virtual_bytes));
  out.gauge("process_open_fds", "Number of open file descriptors.",
            static_cast<double>(numbers.descriptors_open));
  out.gauge("process_max_fds", "Maximum number of open file descriptors.",
            static_cast<double>(numbers.descriptors_max));
  out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            numbers.started);
}

}  // namespace polis::host
