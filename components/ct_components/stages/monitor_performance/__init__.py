"""Stage monitor_performance: does the champion still predict as well as it must?"""
