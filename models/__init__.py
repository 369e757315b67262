"""The pure core: events become records, records contributions, contributions panes, panes views.

Knows no Kafka, no Faust, no Prometheus, no file and no clock.
"""
